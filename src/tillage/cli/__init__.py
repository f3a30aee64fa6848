"""The command line: parses, calls one pipeline, renders."""

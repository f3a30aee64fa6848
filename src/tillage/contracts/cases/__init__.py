"""Test files of a project: rows in, rows and verdicts out."""

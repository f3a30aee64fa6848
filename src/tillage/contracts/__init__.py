"""ODCS contract files: read, refused with a line number when wrong, and compiled to the check."""

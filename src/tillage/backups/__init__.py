"""Backups in a folder, with plain files."""

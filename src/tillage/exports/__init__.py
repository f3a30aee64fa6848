"""Exports as files, folders and streams, with plain files."""

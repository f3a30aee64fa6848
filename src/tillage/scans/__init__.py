"""Searches all bytes of a project for what identifies people: an adapter of `ports.scanning`."""

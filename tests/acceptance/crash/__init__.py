"""Runs in processes of their own that are killed, stopped, or seeded with a bug, and what they must come to."""

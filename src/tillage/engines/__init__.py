"""Compute engines; they hold nothing that must survive."""

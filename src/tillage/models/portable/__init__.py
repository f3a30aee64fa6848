"""The subset of SQL that is the same everywhere: what is outside of it, why, and what to write instead."""

"""The whole house in plain Python: what any sequence of loads must have made of its files, unit by unit."""

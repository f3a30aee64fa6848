"""Machines that fail under a run: PostgreSQL, disks, clocks; what the run says, and what the next one makes of it."""

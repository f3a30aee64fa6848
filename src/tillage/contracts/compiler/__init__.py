"""Turns a contract into the SQL that checks records, and into the exact look for the few that need one."""

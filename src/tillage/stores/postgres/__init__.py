"""Ledger, leases, fold states and quarantine index in PostgreSQL."""

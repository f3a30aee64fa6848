"""The store: one PostgreSQL database for each project, embedded or by its DSN."""

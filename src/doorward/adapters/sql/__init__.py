"""SQLite and PostgreSQL: one schema, one set of statements, a thin driver for each."""

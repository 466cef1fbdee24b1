"""The schema's history. A migration is SQL: it runs as a script, so no database library but our drivers is needed."""

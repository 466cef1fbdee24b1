"""What an operator does to a database, for those who may not import adapters. See `adapters/sql/maintenance.py`."""

from doorward.adapters.sql.maintenance import SchemaState, backup, restore, schema_state, upgrade

__all__ = ["SchemaState", "backup", "restore", "schema_state", "upgrade"]

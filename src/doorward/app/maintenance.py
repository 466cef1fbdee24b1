"""What an operator does to a database, for those who may not import adapters. See `adapters/sql/maintenance.py`."""

from doorward.adapters.sql.maintenance import SchemaState, backup, begin_generation, restore, schema_state, upgrade

__all__ = ["SchemaState", "backup", "begin_generation", "restore", "schema_state", "upgrade"]

"""The conditional update all records share: one version forward, never out of a final state."""

from collections.abc import Mapping
from typing import Final, final

from sqlalchemy import Table, bindparam, insert, literal_column, select, update

from doorward.adapters.sql.script import Script, Step
from doorward.adapters.sql.statements import Statement, Value
from doorward.errors import Rejected

__all__ = ["VersionedTable"]


@final
class VersionedTable:
    """The statements that change a table with `id`, `version` and `state`.

    `fixed` are the columns an update leaves alone: whose the row is and what proves it are settled when it is made, so
    no update can move a credential to another app or swap its digest. No row leaves `final_state`.
    """

    def __init__(self, table: Table, *, fixed: frozenset[str], final_state: str = "revoked") -> None:
        columns = table.columns
        values = {name: bindparam(name, type_=columns[name].type) for name in columns.keys()}  # noqa: SIM118  # not a dict
        changed = {name: value for name, value in values.items() if name not in fixed | {"id"}}
        self._insert: Final = Statement(insert(table).values(values))
        self._update: Final = Statement(
            update(table)
            .where(
                columns.id == bindparam("key_id", type_=columns.id.type),
                columns.version == bindparam("expected_version", type_=columns.version.type),
                # Revocation is final, whatever the code above the store believes.
                columns.state != literal_column(f"'{final_state}'"),
            )
            .values(changed)
            .returning(columns.version)
        )
        self._exists: Final = Statement(select(columns.version).where(columns.id == bindparam("id")))
        self._final_state: Final = final_state

    def insert(self, row: Mapping[str, Value]) -> Script[None]:
        """A new row. A taken id or name, or an app that is not there, is a broken constraint: the driver says which."""
        yield Step(self._insert, row)

    def update(self, row: Mapping[str, Value]) -> Script[None]:
        """The row as it is now, provided the stored version is the one before it and not revoked.

        Raises:
            Rejected: `object_conflict`; `object_unknown` when there is no such row.
        """
        version = row["version"]
        assert isinstance(version, int), "a version is a number"
        conditions: dict[str, Value] = {"key_id": row["id"], "expected_version": version - 1}
        if (yield Step(self._update, {**row, **conditions})):
            return
        if (yield Step(self._exists, {"id": row["id"]})):
            raise Rejected(
                "object_conflict", f"{row['id']!r} is not at version {version - 1}, or is {self._final_state}"
            )
        raise Rejected("object_unknown", f"there is no {row['id']!r}")

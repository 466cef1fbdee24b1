"""Small named values of a deployment: a sealed probe that shows whether the master key is the right one."""

from typing import Final, final

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Script, Step
from doorward.adapters.sql.statements import Statement

__all__ = ["SqlMeta"]

_meta: Final = schema.meta.c
_insert: Final = insert(schema.meta).values(name=bindparam("name"), value=bindparam("value"))
_READ: Final = Statement(select(_meta.value).where(_meta.name == bindparam("name")))
_WRITE: Final = Statement(
    _insert.on_conflict_do_update(index_elements=[_meta.name], set_={"value": _insert.excluded.value})
)


@final
class SqlMeta:
    """Reads and writes them; the last writer wins. Values are at most 64 KiB and hold no unsealed secret."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def read_meta(self, name: str) -> bytes | None:
        """The value, or None when it was never written."""
        rows = await self._engine.read(_READ, {"name": name})
        return bytes(rows[0][0]) if rows else None

    async def write_meta(self, name: str, value: bytes) -> None:
        """Write it, whatever was there."""

        def script() -> Script[None]:
            yield Step(_WRITE, {"name": name, "value": value})

        await self._engine.write(script)

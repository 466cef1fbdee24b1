"""Sectors in SQL, and the key their names are derived with: written once, by whoever comes first."""

from typing import Final, final

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from doorward.adapters.sql import schema
from doorward.adapters.sql.script import Engine, Script, Step
from doorward.adapters.sql.statements import Statement, store_clock_ms
from doorward.errors import Rejected
from doorward.revocation.pairwise import PAIRWISE_KEY_NAME, SECTORS_MAX
from doorward.revocation.withholding import SECTOR_SETTLES_S
from doorward.revocation.writes import SectorInserted, SectorsExpected

__all__ = ["SETTLED", "SqlSectors", "expect_sectors", "insert_sector"]

_sectors: Final = schema.pairwise_sectors.c
_LIST: Final = Statement(select(_sectors.sector).order_by(_sectors.sector))
SETTLED: Final = Statement(
    select(_sectors.sector).where(_sectors.created_at <= store_clock_ms() // 1000 - SECTOR_SETTLES_S)
)
"""Which sectors are sent no plain names any more."""
_COUNT: Final = Statement(select(func.count()).select_from(schema.pairwise_sectors))
_INSERT: Final = Statement(
    insert(schema.pairwise_sectors)
    .values(sector=bindparam("sector"), created_at=bindparam("created_at"))
    .on_conflict_do_nothing()
)
# Never written over: names that were handed out would name nobody.
_INSERT_KEY: Final = Statement(
    insert(schema.meta).values(name=bindparam("name"), value=bindparam("value")).on_conflict_do_nothing()
)
_READ_KEY: Final = Statement(select(schema.meta.c.value).where(schema.meta.c.name == bindparam("name")))


@final
class SqlSectors:
    """`SectorPort`."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    async def list_sectors(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(sector for (sector,) in await self._engine.read(_LIST, {}))

    async def list_settled_sectors(self) -> tuple[str, ...]:
        """See the port."""
        return tuple(sector for (sector,) in await self._engine.read(SETTLED, {}))

    async def read_sealed_key(self) -> bytes | None:
        """See the port."""
        rows = await self._engine.read(_READ_KEY, {"name": PAIRWISE_KEY_NAME})
        return bytes(rows[0][0]) if rows else None


def insert_sector(write: SectorInserted) -> Script[None]:
    """A sector and, with the first one, the key. The head is locked: nobody else counts now.

    Raises:
        Rejected: `input_invalid` when there would be more than `SECTORS_MAX`.
    """
    yield Step(_INSERT, {"sector": write.sector, "created_at": write.created_at})
    ((count,),) = yield Step(_COUNT, {})
    if count > SECTORS_MAX:
        raise Rejected("input_invalid", f"there are {SECTORS_MAX} sectors already")
    yield Step(_INSERT_KEY, {"name": PAIRWISE_KEY_NAME, "value": write.sealed_key})


def expect_sectors(write: SectorsExpected) -> Script[None]:
    """Nothing, unless a sector has come since the caller looked. The head is locked: none comes now.

    Raises:
        Rejected: `object_conflict`.
    """
    ((count,),) = yield Step(_COUNT, {})
    if count != write.count:
        raise Rejected("object_conflict", "a sector was registered meanwhile")

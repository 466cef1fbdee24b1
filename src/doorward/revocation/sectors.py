"""Which resources know subjects by a derived name: read, and registered."""

from typing import Final, Protocol, final

from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.revocation.pairwise import Sectors, make_sealed_key, open_key, parse_sector
from doorward.revocation.writes import SectorInserted, SectorPort
from doorward.values import Actor, Change, ChangePort, Clock, Entropy, Event

__all__ = ["SealedSectors", "SectorSource", "SectorStore", "register_sector"]


class SectorSource(Protocol):
    """Reads the sectors, with the key opened."""

    async def read_sectors(self) -> Sectors:
        """All of them.

        Raises:
            Misconfigured: there are some, and the key does not open.
            Unavailable: `store_unavailable`.
        """
        ...


class SectorStore(Protocol):
    """What is needed of a store to register sectors."""

    @property
    def sectors(self) -> SectorSource:
        """Reads them."""
        ...

    @property
    def changes(self) -> ChangePort:
        """Commits."""
        ...

    @property
    def master_keys(self) -> MasterKeys | None:
        """Seals the key."""
        ...

    @property
    def clock(self) -> Clock:
        """Epoch seconds."""
        ...

    @property
    def entropy(self) -> Entropy:
        """Where the key comes from."""
        ...


@final
class SealedSectors:
    """`SectorSource` over what the database holds. Opens the key at each reading and keeps it nowhere."""

    def __init__(self, port: SectorPort, master_keys: MasterKeys | None) -> None:
        self._port: Final = port
        self._master_keys: Final = master_keys

    async def read_sectors(self) -> Sectors:
        """See `SectorSource`."""
        names = await self._port.list_sectors()
        if not names:
            return Sectors(names=(), key=None)
        # After the names: the key was there before the first of them could be seen.
        return Sectors(names=names, key=open_key(self._master_keys, await self._port.read_sealed_key()))

    async def list_settled_sectors(self) -> tuple[str, ...]:
        """See `SectorPort`. Wants no key."""
        return await self._port.list_settled_sectors()


async def register_sector(store: SectorStore, presented_audience: str, *, actor: Actor) -> bool:
    """From now on this resource knows subjects by a derived name; answers whether it is new. Cannot be undone.

    No token with a plain subject is issued for it afterwards, and none with a derived one before. Tokens from before
    are still revoked: until they have ended its verifiers are told plain names too (`SECTOR_SETTLES_S`).

    Raises:
        Rejected: `input_invalid`; also when there are `SECTORS_MAX` already.
        Misconfigured: there is no master key.
        Unavailable: `store_unavailable`.
    """
    sector = parse_sector(presented_audience)
    if store.master_keys is None:
        raise Misconfigured(
            "Names are derived with a key that is sealed, and there is no master key.",
            cure="Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY) to the deployment's master key.",
        )
    if sector in (await store.sectors.read_sectors()).names:
        return False
    now = int(store.clock())
    # A key for each attempt; the database keeps the first it is given. Of two who are first, one throws its own away.
    sealed = make_sealed_key(store.master_keys, store.entropy)
    event = Event(at=now, action="sector.registered", actor=actor, object_kind="sector", object_id=sector)
    write = SectorInserted(sector=sector, created_at=now, sealed_key=sealed)
    await store.changes.commit(Change(writes=(write,), events=(event,)))
    return True

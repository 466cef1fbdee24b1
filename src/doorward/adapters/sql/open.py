"""Opens a database as the ports of all rooms."""

from typing import Final, final

from doorward.adapters.sql.apikey import SqlKeys
from doorward.adapters.sql.apps import SqlApps
from doorward.adapters.sql.audit import SqlAudit
from doorward.adapters.sql.basic import SqlPasswords
from doorward.adapters.sql.changes import SqlChanges
from doorward.adapters.sql.claims import SqlClaims
from doorward.adapters.sql.feed import SqlFeed
from doorward.adapters.sql.holdings import SqlHoldings
from doorward.adapters.sql.leases import SqlRateLeases
from doorward.adapters.sql.meta import SqlMeta
from doorward.adapters.sql.opaque import SqlOpaqueTokens
from doorward.adapters.sql.script import Engine
from doorward.adapters.sql.sectors import SqlSectors
from doorward.adapters.sql.signature_keys import SqlSignatureKeys
from doorward.adapters.sql.signing_keys import SqlSigningKeys
from doorward.adapters.sql.sqlite import SqliteEngine
from doorward.adapters.sql.standing import SqlStanding
from doorward.adapters.sql.url import sqlite_path
from doorward.adapters.sql.usage import SqlUsage
from doorward.adapters.sql.webhooks import SqlSenders
from doorward.audit.chain import ChainKey
from doorward.errors import Misconfigured
from doorward.methods.claims import CLAIMS_PER_OWNER_MAX
from doorward.values import Clock

__all__ = ["SqlPorts", "open_sql"]


@final
class SqlPorts:
    """Every port of one database. Nothing is opened before `start`; belongs to the loop that started it."""

    def __init__(
        self, engine: Engine, chain_key: ChainKey | None, claims_per_owner_max: int = CLAIMS_PER_OWNER_MAX
    ) -> None:
        self._engine: Final = engine
        self.keys: Final = SqlKeys(engine)
        self.passwords: Final = SqlPasswords(engine)
        self.opaque_tokens: Final = SqlOpaqueTokens(engine)
        self.standing: Final = SqlStanding(engine)
        self.apps: Final = SqlApps(engine)
        self.changes: Final = SqlChanges(engine, chain_key)
        self.feed: Final = SqlFeed(engine)
        self.audit: Final = SqlAudit(engine)
        self.rate_leases: Final = SqlRateLeases(engine)
        self.claims: Final = SqlClaims(engine, per_owner_max=claims_per_owner_max)
        self.usage: Final = SqlUsage(engine)
        self.meta: Final = SqlMeta(engine)
        self.sectors: Final = SqlSectors(engine)
        self.holdings: Final = SqlHoldings(engine)
        self.signing_keys: Final = SqlSigningKeys(engine)
        self.signature_keys: Final = SqlSignatureKeys(engine)
        self.senders: Final = SqlSenders(engine)

    async def start(self) -> None:
        """Connect. Idempotent.

        Raises:
            Misconfigured: the schema is missing or unknown; the cure names `doorward db upgrade`.
            Unavailable: `store_unavailable`.
        """
        await self._engine.start()

    async def aclose(self) -> None:
        """Finish what was taken on, then close. Idempotent."""
        await self._engine.aclose()


def open_sql(
    url: str, *, chain_key: ChainKey | None, clock: Clock, claims_per_owner_max: int = CLAIMS_PER_OWNER_MAX
) -> SqlPorts:
    """The ports of the database at `url`; `chain_key` None can read and verify, but records nothing.

    Args:
        url: the operator's; may hold a password, and is never shown.
        chain_key: what audit events are chained with.
        clock: seconds since the epoch; SQLite's clock. PostgreSQL has its own.
        claims_per_owner_max: how many deliveries of one sender, or nonces of one key, are remembered.

    Raises:
        Misconfigured: the URL is of no known kind, or what it needs is not installed.
    """
    path = sqlite_path(url)
    if path is not None:
        return SqlPorts(SqliteEngine(path, clock=clock), chain_key, claims_per_owner_max)
    try:
        from doorward.adapters.sql.postgres import PostgresEngine  # noqa: PLC0415  # an extra, needed only here
    except ModuleNotFoundError as error:
        raise Misconfigured("PostgreSQL needs asyncpg.", cure="pip install 'doorward[postgres]'") from error
    return SqlPorts(PostgresEngine(url), chain_key, claims_per_owner_max)

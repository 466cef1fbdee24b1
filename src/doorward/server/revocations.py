"""`GET /revocations`: the feed for verifiers elsewhere, and who may read what of it. DESIGN section 7.

Rules of this file:

* A verifier proves who it is with an API key that holds `doorward:revocations:read`. Which resources it stands for is
  written in the key (metadata `audience`, separated by spaces), never in the request: rows for other resources are
  withheld, and their positions are covered by the watermark. Without that entry it gets what is for everybody.
* What this process has read of the feed itself is answered from memory (`revocation/hub.py`). Only who is further
  behind costs a read of the store, and few of those at once: in short pages, since to write one holds everybody else
  up, and one at a time for each key.
* A query that is not exactly of the form is refused: guessing where a reader is would skip revocations.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final, final
from urllib.parse import parse_qsl
from weakref import WeakValueDictionary

import msgspec
from starlette.types import Receive, Scope, Send

from doorward.door import Admitted, Door
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.frameworks.asgi import Body, request_view
from doorward.revocation.exchange import PAGE_ROWS_MAX, FeedReader, is_visible, write_page
from doorward.revocation.hub import FeedHub
from doorward.revocation.port import FeedPage, FeedPort
from doorward.server.answers import open_answer, send_answer
from doorward.server.audiences import audiences_of
from doorward.wire.hops import TrustedHops
from doorward.wire.render import Answer
from doorward.wire.request import RequestView

__all__ = ["Asked", "RevocationPages", "RevocationSource", "Sectors", "parse_asked"]

STORE_READS_MAX: Final = 4
"""How many readers that are far behind are answered from the store at once, each for another key; the others wait."""
STORE_PAGE_ROWS_MAX: Final = 1_000
"""How many rows of the feed are read from the store for one page, whatever was asked for."""
SECTORS_KEPT_S: Final = 5.0
_QUERY_OCTETS_MAX: Final = 256
_POSITION: Final = re.compile(r"[0-9]{1,18}")
_GENERATION: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

Sectors = Callable[[], Awaitable[frozenset[str]]]
"""The resources that know subjects by derived names only: see `SectorPort.list_settled_sectors`."""


async def _no_sectors() -> frozenset[str]:
    return frozenset()


@final
class Asked(msgspec.Struct, frozen=True):
    """Where a reader is."""

    after: int = 0
    limit: int = PAGE_ROWS_MAX
    generation: str | None = None


@final
class RevocationSource:
    """Who may read, and what: shared by the two routes.

    Args:
        door: demands `REVOCATIONS_READ`.
        hub: what this process has read.
        feed: the store, for those who are further behind than the hub.
        hops: whose word about the client's address counts.
        sectors: see `Sectors`.
        issuer: whose feed it is, told to every reader so that he can see that it is the one he meant.
        monotonic: seconds.
    """

    def __init__(
        self,
        door: Door,
        hub: FeedHub,
        feed: FeedPort,
        *,
        hops: TrustedHops,
        sectors: Sectors = _no_sectors,
        issuer: str | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.door: Final = door
        self.hub: Final = hub
        self._feed: Final = feed
        self._hops: Final = hops
        self._sectors: Final = sectors
        self.issuer: Final = issuer
        self._monotonic: Final = monotonic
        self._reads: Final = asyncio.Semaphore(STORE_READS_MAX)
        self._turns: Final = WeakValueDictionary[str, asyncio.Lock]()
        self._known_sectors: frozenset[str] = frozenset()
        self._sectors_at = float("-inf")

    def view(self, scope: Scope, receive: Receive) -> RequestView:
        """The request as the door sees it. Raises `Rejected`: also for any method but GET, which is all there is."""
        if scope["method"] != "GET":
            raise Rejected("method_not_allowed")
        return request_view(scope, Body(receive), self._hops)

    async def reader_of(self, admitted: Admitted) -> FeedReader:
        """What the proven key may see.

        Raises:
            Unavailable: it is not known which resources know subjects by derived names.
        """
        audiences = audiences_of(admitted.principal.metadata)
        if not audiences:
            # Nobody in particular: what is withheld would be a revocation that never arrives.
            return FeedReader()
        return FeedReader(audiences, plain_names=not audiences <= await self._current_sectors())

    async def page(self, asked: Asked, reader: FeedReader, *, key_id: str) -> FeedPage:
        """The page after a position, from memory where that is possible. `key_id`: whose turn it is at the store.

        Raises:
            Unavailable: `store_unavailable`.
        """
        if self.hub.covers(asked.after, asked.generation):
            page = self.hub.page_after(asked.after, reader, limit=asked.limit)
        else:
            limit = min(asked.limit, STORE_PAGE_ROWS_MAX)
            # The turn first: a key that asks a hundred times at once must not stand before everybody else.
            async with self._turn_of(key_id), self._reads:
                page = await self._feed.read_feed(asked.after, limit=limit, audiences=reader.audiences)
        visible = tuple(row for row in page.rows if is_visible(row, reader))
        return msgspec.structs.replace(page, rows=visible, reader=reader.mark)

    def _turn_of(self, key_id: str) -> asyncio.Lock:
        # Forgotten when nobody of that key waits any more.
        return self._turns.setdefault(key_id, asyncio.Lock())

    async def _current_sectors(self) -> frozenset[str]:
        now = self._monotonic()
        if now - self._sectors_at >= SECTORS_KEPT_S:
            try:
                self._known_sectors = await self._sectors()
            except Misconfigured as error:
                raise Unavailable("store_unavailable", error.problem) from error
            self._sectors_at = now
        return self._known_sectors


@final
class RevocationPages:
    """`GET /revocations?after=N&limit=M&generation=G`."""

    def __init__(self, source: RevocationSource) -> None:
        self._source: Final = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one page."""
        await send_answer(send, await self._answer(scope, receive))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        request: RequestView | None = None
        source = self._source
        try:
            request = source.view(scope, receive)
            admitted = await source.door.admit(request)
            asked = parse_asked(scope, frozenset({"after", "limit", "generation"}))
            reader = await source.reader_of(admitted)
            page = await source.page(asked, reader, key_id=admitted.principal.credential_id)
        except (Rejected, Unavailable) as refused:
            return source.door.refuse(refused, request)
        told = write_page(asked.after, page, issuer=source.issuer, audiences=reader.audiences)
        plain = open_answer(200, told)
        return msgspec.structs.replace(plain, headers=(*plain.headers, *admitted.answer_headers))


def parse_asked(scope: Scope, known: frozenset[str]) -> Asked:
    """What the query says; no parameter but those in `known` may be there.

    Raises:
        Rejected: `input_invalid` for anything that is not of the form: guessing would skip revocations.
    """
    query = scope.get("query_string", b"")
    if len(query) > _QUERY_OCTETS_MAX:
        raise Rejected("input_invalid", "a query of more than 256 octets")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=True) if query else []
    except ValueError:
        raise Rejected("input_invalid", "a query that cannot be read") from None
    said = dict(pairs)
    if len(said) < len(pairs) or not said.keys() <= known:
        raise Rejected("input_invalid", "a parameter that is not known, or that comes twice")
    generation = said.get("generation")
    if generation is not None and _GENERATION.fullmatch(generation) is None:
        raise Rejected("input_invalid", "generation is 1 to 64 of A-Z a-z 0-9 _ -")
    limit = _parse_number(said.get("limit", str(PAGE_ROWS_MAX)), "limit")
    if not 1 <= limit <= PAGE_ROWS_MAX:
        raise Rejected("input_invalid", f"limit is 1 to {PAGE_ROWS_MAX}")
    return Asked(_parse_number(said.get("after", "0"), "after"), limit, generation)


def _parse_number(presented_number: str, name: str) -> int:
    if _POSITION.fullmatch(presented_number) is None:
        raise Rejected("input_invalid", f"{name} is a whole number of at most 18 digits")
    return int(presented_number)

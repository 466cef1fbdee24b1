"""Pages of the feed as they travel to other machines, and onto a disk: JSON for any language. docs/revocation-feed.md.

Rules of this file:

* A row tells what is void and until when that has to be remembered. No reason, no owner, nobody's name but the ids that
  tokens carry themselves.
* What is read is checked for form and for size before anything believes it. A kind nobody here knows is passed over:
  no proof made here can rest on it, and a newer issuer must not stop an older verifier.
* A page says how old its reading was when it was sent (`age_s`): whoever takes it in is no fresher than the issuer.
"""

from typing import Annotated, Final, final

import msgspec
from msgspec import Meta

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Unavailable
from doorward.revocation.port import FeedPage, FeedRow
from doorward.revocation.withholding import names_person
from doorward.values import FeedKind, Handle

__all__ = ["PAGE_OCTETS_MAX", "PAGE_ROWS_MAX", "FeedReader", "SentPage", "is_visible", "parse_page", "write_page"]

PAGE_ROWS_MAX: Final = 10_000
"""How many rows one page may hold."""
ID_CHARACTERS_MAX: Final = 2_048
"""How long the id of a row may be."""
AUDIENCES_MAX: Final = 64
"""For how many resources one reader may read."""
PAGE_OCTETS_MAX: Final = 8_388_608
"""How long one page may be in JSON."""

READER_CHARACTERS: Final = 16

_Position = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Second = Annotated[int, Meta(ge=0, lt=2**53)]
_Id = Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX)]
_KINDS: Final = {kind.value: kind for kind in FeedKind}


@final
class FeedReader(msgspec.Struct, frozen=True):
    """Who reads the feed from elsewhere, as the issuer knows him: for which resources, and by which names."""

    audiences: frozenset[str] = frozenset()
    plain_names: bool = True
    """False when he knows subjects by derived names only: the plain ones are not for him."""

    @property
    def mark(self) -> str:
        """The same for readers who may see the same; says nothing else."""
        seen = "\n".join([*sorted(self.audiences), "plain" if self.plain_names else "derived"])
        return sha256_digest(seen.encode()).hex()[:READER_CHARACTERS]


def is_visible(row: FeedRow, reader: FeedReader) -> bool:
    """Whether a row is for a reader.

    `changed` rows are for whoever holds the record, which nobody does elsewhere.
    """
    if row.changed_version is not None:
        return False
    if row.audience is None:
        return reader.plain_names or not names_person(row.handle)
    return row.audience in reader.audiences


@final
class _Row(msgspec.Struct, frozen=True, omit_defaults=True):
    position: _Position
    kind: Annotated[str, Meta(max_length=64)]
    id: _Id
    committed_at: _Second
    leave_at: _Second | None
    audience: Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)] | None = None
    changed_version: _Position | None = None


@final
class _Page(msgspec.Struct, frozen=True, omit_defaults=True):
    after: _Position
    watermark: _Position
    generation: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
    as_of: _Second
    age_s: Annotated[float, Meta(ge=0, le=1e9)]
    complete: bool
    rows: Annotated[tuple[_Row, ...], Meta(max_length=PAGE_ROWS_MAX)]
    reader: Annotated[str, Meta(max_length=READER_CHARACTERS, pattern=r"^[0-9a-f]*\Z")] = ""
    issuer: Annotated[str, Meta(max_length=ID_CHARACTERS_MAX)] | None = None
    audiences: Annotated[tuple[_Id, ...], Meta(max_length=AUDIENCES_MAX)] | None = None


@final
class SentPage(msgspec.Struct, frozen=True):
    """A page, the position it was read after, and what its sender says of himself and of the reader, if anything."""

    after: int
    page: FeedPage
    issuer: str | None = None
    """Whose feed it is."""
    audiences: frozenset[str] | None = None
    """The resources the reader reads for: written in his key, not asked for."""


_DECODER: Final = msgspec.json.Decoder(_Page)


def write_page(
    after: int, page: FeedPage, *, issuer: str | None = None, audiences: frozenset[str] | None = None
) -> bytes:
    """One JSON object in one line. Rows beyond what the page promises are left out: they come again."""
    reached = _reached(page)
    rows = tuple(
        _Row(
            row.position,
            row.handle.kind.value,
            row.handle.id,
            row.committed_at,
            row.leave_at,
            row.audience,
            row.changed_version,
        )
        for row in page.rows
        if row.position <= reached
    )
    # Rounded up: to seem older is safe.
    age_s = round(page.age_s + 0.0005, 3)
    reads_for = None if audiences is None else tuple(sorted(audiences))
    return msgspec.json.encode(
        _Page(
            after,
            reached,
            page.generation,
            page.as_of,
            age_s,
            page.complete,
            rows,
            page.reader,
            issuer,
            reads_for,
        )
    )


def parse_page(presented_page: bytes) -> SentPage:
    """Read what `write_page` wrote, elsewhere or earlier.

    Raises:
        Unavailable: `store_unavailable`: it is no page of a feed.
    """
    if len(presented_page) > PAGE_OCTETS_MAX:
        raise Unavailable("store_unavailable", f"a page of the feed of more than {PAGE_OCTETS_MAX} octets")
    try:
        page = _DECODER.decode(presented_page)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unavailable("store_unavailable", f"no page of a feed: {type(error).__name__}") from error
    last = page.after
    for row in page.rows:
        if row.position <= last:
            raise Unavailable("store_unavailable", "a page of the feed whose rows are out of order")
        last = row.position
    if page.rows and last > page.watermark:
        raise Unavailable("store_unavailable", "a page of the feed with rows beyond its watermark")
    return SentPage(
        page.after,
        FeedPage(
            rows=tuple(_taken(row) for row in page.rows if row.kind in _KINDS),
            watermark=page.watermark,
            generation=page.generation,
            as_of=page.as_of,
            complete=page.complete,
            scanned_to=page.watermark,
            age_s=page.age_s,
            reader=page.reader,
        ),
        page.issuer,
        None if page.audiences is None else frozenset(page.audiences),
    )


def _taken(row: _Row) -> FeedRow:
    return FeedRow(
        position=row.position,
        handle=Handle(_KINDS[row.kind], row.id),
        committed_at=row.committed_at,
        leave_at=row.leave_at,
        changed_version=row.changed_version,
        audience=row.audience,
    )


def _reached(page: FeedPage) -> int:
    """How far a page goes: a page cut short may promise no more than it looked at."""
    if page.complete:
        return page.watermark
    return min(page.watermark, max(page.scanned_to, page.rows[-1].position if page.rows else 0))

"""Many revoked tokens of one owner become one row. DESIGN section 7.

Rules of this file:

* A client may revoke its own tokens as often as it likes (RFC 7009), and each would be a row that every verifier keeps.
  So a row of a token names its *owner*: the narrowest thing that all its sisters share and that nobody else has a part
  in. That is its grant, else its session, else what this client holds of this subject. Never the client, the subject or
  the organization alone: whoever revokes his own tokens signs out nobody else.
* An owner has at most `OWNER_ROWS_MAX` token rows. One more takes their place as a row of the owner itself, and so does
  every further one as long as that row is kept.
* Grant and session are then revoked for good; what a client holds of a subject is voided up to now, so the next token
  is good again.
* A row takes the place of others only where everybody who was sent those is sent it. So what is for one audience alone
  is counted, and replaced, among its own kind (`owner_text`); a fold into a grant or a session is for everybody; and
  what a client holds of a subject is folded apart for each sector, which is sent no row that is for all
  (`withholding.py`).
* Rows are counted until they are *removed*, not until they leave: verifiers keep them as long. A client that revokes in
  cycles of short tokens gains nothing by waiting.

`adapters/sql` executes this while the head of the feed is locked, so a hundred parallel revocations cannot each be the
last one that fits.
"""

from collections.abc import Sequence
from typing import Final

from doorward.errors import Rejected
from doorward.revocation.withholding import names_person
from doorward.values import EPOCH_KINDS, FeedKind, Handle, Revocation

__all__ = ["EPOCH_LIFETIME_S", "OWNER_KINDS", "OWNER_ROWS_MAX", "folds_apart", "must_fold"]
__all__ += ["narrowest_owner", "owner_of", "owner_text"]

OWNER_ROWS_MAX: Final = 100
"""How many rows of revoked tokens one owner may have; one more becomes a row of the owner."""
EPOCH_LIFETIME_S: Final = 90 * 86_400
"""How long a row of a subject, client, organization, grant or session is kept: no grant, session or refresh token may
live longer."""
OWNER_KINDS: Final = frozenset({FeedKind.GRANT, FeedKind.SESSION, FeedKind.CLIENT_SUBJECT})
"""What a token row may become a row of."""

_SUPERSEDING: Final = EPOCH_KINDS | OWNER_KINDS


def narrowest_owner(*, grant_id: str | None, session_id: str | None, client_id: str, subject: str) -> Handle:
    """The owner of a token, from its claims (`dw_grant`, `sid`, `client_id`, `sub`)."""
    if grant_id is not None:
        return Handle(FeedKind.GRANT, grant_id)
    if session_id is not None:
        return Handle(FeedKind.SESSION, session_id)
    return Handle(FeedKind.CLIENT_SUBJECT, f"{client_id} {subject}")


def owner_of(revocation: Revocation) -> Handle | None:
    """Whom a row counts against; None for a row that belongs to nobody.

    A row of a grant, session, client, subject or organization owns itself: it takes the place of the rows that name it
    as their owner, and of the one before it.

    Raises:
        Rejected: `input_invalid` for an owner others have a part in.
    """
    if revocation.changed_version is not None:
        return None
    if revocation.handle.kind in _SUPERSEDING:
        return revocation.handle
    if revocation.handle.kind is not FeedKind.TOKEN or revocation.owner is None:
        return None
    if revocation.owner.kind not in OWNER_KINDS:
        raise Rejected("input_invalid", f"a token does not become a row of a {revocation.owner.kind.value}")
    return revocation.owner


def folds_apart(owner: Handle) -> bool:
    """Whether tokens of this owner are folded apart for each sector: a fold for everybody would be withheld there."""
    return owner.kind is FeedKind.CLIENT_SUBJECT and names_person(owner)


def owner_text(owner: Handle, audience: str | None) -> str:
    """What rows have in common that one may take the place of: the owner, and the audience when they are for one alone.

    Args:
        owner: from `owner_of`.
        audience: of a row of the owner itself, its own. Of a token's row, the sector it is folded apart for (see
            `folds_apart`); else None, since its fold is for everybody.
    """
    whole = f"{owner.kind.value}:{owner.id}"
    # No id holds a line feed.
    return whole if audience is None else f"{whole}\n{audience}"


def must_fold(kinds: Sequence[str]) -> bool:
    """Whether one more token row is one too many, given the kinds of the rows its owner has."""
    return len(kinds) >= OWNER_ROWS_MAX or any(kind != FeedKind.TOKEN for kind in kinds)

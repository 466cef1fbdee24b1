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
* Rows are counted until they are *removed*, not until they leave: verifiers keep them as long. A client that revokes in
  cycles of short tokens gains nothing by waiting.

`adapters/sql` executes this while the head of the feed is locked, so a hundred parallel revocations cannot each be the
last one that fits.
"""

from collections.abc import Sequence
from typing import Final

from doorward.errors import Rejected
from doorward.values import EPOCH_KINDS, FeedKind, Handle, Revocation

__all__ = ["EPOCH_LIFETIME_S", "OWNER_KINDS", "OWNER_ROWS_MAX", "must_fold", "narrowest_owner", "owner_text"]

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


def owner_text(revocation: Revocation) -> str | None:
    """What rows of one owner have in common; None for a row that belongs to nobody.

    A row of a grant, session, client, subject or organization owns itself: it takes the place of the rows that name it
    as their owner, and of the one before it.

    Raises:
        Rejected: `input_invalid` for an owner others have a part in.
    """
    if revocation.changed_version is not None:
        return None
    owner = None
    if revocation.handle.kind in _SUPERSEDING:
        owner = revocation.handle
    elif revocation.handle.kind is FeedKind.TOKEN and revocation.owner is not None:
        owner = revocation.owner
        if owner.kind not in OWNER_KINDS:
            raise Rejected("input_invalid", f"a token does not become a row of a {owner.kind.value}")
    return None if owner is None else f"{owner.kind.value}:{owner.id}"


def must_fold(kinds: Sequence[str]) -> bool:
    """Whether one more token row is one too many, given the kinds of the rows its owner has."""
    return len(kinds) >= OWNER_ROWS_MAX or any(kind != FeedKind.TOKEN for kind in kinds)

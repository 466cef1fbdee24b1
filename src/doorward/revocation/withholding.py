"""Which rows tell a plain name, and are kept from resources that know subjects by a derived one. docs/adr/0010.

Rules of this file:

* Withheld is what names a *person* to everybody: a row of a subject, and of what a client holds of one. What a client
  holds of itself names nobody (an order refuses a subject that is called like its client).
* Ids of another issuer (a URL, a space, the id) are not withheld: its tokens say the plain name wherever they go, and
  nothing else would take them back there.
* Who is withheld from: `adapters/sql/feed.py` for verifiers beside the store, `exchange.py` for those elsewhere. What
  may take the place of a row depends on it too (`folding.py`): both ask here, so that they cannot disagree.
* A resource that is registered while it is in use holds tokens with plain names, and others are on their way to it. So
  nothing is withheld from a new sector until all of them have ended.
"""

from typing import Final

from doorward.values import FeedKind, Handle

__all__ = ["SECTOR_SETTLES_S", "names_person"]

SECTOR_SETTLES_S: Final = 86_400 + 3_600
"""How long after its registration a sector is sent plain names like everybody: until the longest-lived token with one
that was issued before has ended, and an hour for what was being issued in that moment and for clocks that differ."""


def names_person(handle: Handle) -> bool:
    """Whether a row about it, for everybody, tells the plain name of somebody."""
    kind, id_ = handle
    first, _, rest = id_.partition(" ")
    if kind is FeedKind.SUBJECT:
        return not (rest and "://" in first)
    if kind is FeedKind.CLIENT_SUBJECT:
        return rest != first and not (" " in rest and "://" in first)
    return False

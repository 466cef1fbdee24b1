"""Which rows tell a plain name, and are kept from resources that know subjects by a derived one. docs/adr/0010.

Rules of this file:

* Withheld is what names a *person* to everybody: a row of a subject, and of what a client holds of one. What a client
  holds of itself names nobody (an order refuses a subject that is called like its client).
* Ids of another issuer (a URL, a space, the id) are not withheld: its tokens say the plain name wherever they go, and
  nothing else would take them back there.
* Who is withheld from: `adapters/sql/feed.py` for verifiers beside the store, `exchange.py` for those elsewhere. What
  may take the place of a row depends on it too (`folding.py`): both ask here, so that they cannot disagree.
"""

from doorward.values import FeedKind, Handle

__all__ = ["names_person"]


def names_person(handle: Handle) -> bool:
    """Whether a row about it, for everybody, tells the plain name of somebody."""
    kind, id_ = handle
    first, _, rest = id_.partition(" ")
    if kind is FeedKind.SUBJECT:
        return not (rest and "://" in first)
    if kind is FeedKind.CLIENT_SUBJECT:
        return rest != first and not (" " in rest and "://" in first)
    return False

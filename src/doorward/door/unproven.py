"""Bodies that are read before anything is proven (phase 4): where only the whole body shows who has sent it.

Rules of this file:

* Whoever makes us read a body in vain has failed, whatever was wrong with it: too large, too slow, or cut off in the
  middle. It is paid for like a wrong signature.
* A source that has used up its failures is read on, a little: small bodies, few at a time. Were it refused outright,
  one bad neighbour behind the same proxy could shut a sender out, for nothing tells the two apart before the body is
  there. What he can make us do is bounded all the same: a small body costs no more than the request it came in.
* What such a source may send is asked before the body is: a length that is announced is refused unread.
"""

from typing import Final

import msgspec

from doorward.door.budget import Source, source_of
from doorward.door.passage import Passage
from doorward.errors import Rejected

__all__ = ["SMALL_BODY_BYTES_MAX", "read_unproven"]

SMALL_BODY_BYTES_MAX: Final = 65_536
"""How large a body may be that is read for a source that has used up its failures."""


async def read_unproven(passage: Passage, body_bytes_max: int) -> None:
    """Read the body into the passage's request.

    Raises:
        Rejected: `body_too_large`, `body_slow`, `request_malformed`; `source_throttled` with the seconds until the
            source has a failure left, when it has none and this body is large, or one of many.
        Unavailable: `overloaded`.
    """
    source = source_of(passage.request.client)
    passage.is_throttled = not passage.demand.budget.has_failures_left(source, passage.monotonic)
    try:
        if passage.is_throttled:
            body = await _read_small(passage, source, body_bytes_max)
        else:
            body = await passage.request.read_body(body_bytes_max)
    except Rejected as refused:
        passage.has_wasted_body = refused.code != "source_throttled"
        raise
    passage.request = msgspec.structs.replace(passage.request, body=body)


async def _read_small(passage: Passage, source: Source, body_bytes_max: int) -> bytes:
    budget = passage.demand.budget
    entered = budget.enter_small(source, passage.monotonic)
    try:
        return await passage.request.read_body(min(body_bytes_max, SMALL_BODY_BYTES_MAX))
    except Rejected as refused:
        if refused.code == "body_too_large" and body_bytes_max > SMALL_BODY_BYTES_MAX:
            raise budget.throttled(entered) from None
        raise
    finally:
        budget.leave_small(entered)

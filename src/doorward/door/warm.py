"""The way of a credential that was proven before, in one piece: nearly every request, at three quarters of the cost.

Rules of this file:

* It admits, or it has no opinion. It never refuses: whatever is not as usual goes through the phases from the start,
  which decide, say why, take payment and tell the log. A check that is missing there refuses nobody who passes here.
* It asks everything the phases ask of a warm credential, by the same functions: one credential, extracted, proven
  again, nothing revoked anywhere since it was last found good, a fresh view, the demand, one unit of its rate.
* It neither reads a body nor claims anything: whatever needs that has to wait, and goes through the phases.
* Nothing is changed before it is certain to admit. The rate is spent last, when nothing else can say no.
* The tests of the pipeline run twice, with this file and without it.
"""

from typing import Any

from doorward.door.admitted import NOTHING_CLAIMED, Admitted
from doorward.door.passage import Demand, Lane
from doorward.door.recording import record_admission
from doorward.errors import Rejected, Unavailable
from doorward.methods.contract import Presented
from doorward.wire.ratelimit import rate_headers
from doorward.wire.request import RequestView

__all__ = ["admit_warm"]


def admit_warm(demand: Demand, request: RequestView, monotonic: float) -> Admitted | None:
    """Admit, or None: then the phases decide. `monotonic` is seconds of the process's own clock."""
    try:
        found = _extract_one(demand, request)
        if found is None:
            return None
        lane, presented = found
        plane, spender, entry = lane.plane, lane.spender, lane.cache.find(presented.lookup_id, monotonic)
        if entry is None or (plane is not None and entry.generation != plane.view.generation):
            return None
        # Without a plane there is nothing that could have been revoked, and the phases do not ask either.
        now = int(demand.clock() if plane is None else plane.clock())
        verified = lane.method.verify(presented, entry.record, request, now)
        if plane is not None:
            plane.view.require_fresh(monotonic)
        # Neither is ever false when it is there; in one expression, because every request pays for this line.
        if (verified.claim or verified.body_check) is not None or (verified.rate is not None and spender is None):
            return None
        decision = demand.rule.decide(verified.principal)
        answer_headers = verified.answer_headers
        if verified.rate is not None:
            assert spender is not None, "asked above"
            spent = spender.spend(verified.principal.credential_id, verified.rate)
            if spent is None:
                return None
            answer_headers += rate_headers(spent.limit, spent.remaining, spent.reset_s)
    except (Rejected, Unavailable):
        return None
    record_admission(lane, verified.principal, request, now)
    return Admitted(verified.principal, decision, answer_headers, NOTHING_CLAIMED)


# Any: what is presented is the method's own type, handed back to it unread.
def _extract_one(demand: Demand, request: RequestView) -> tuple[Lane, Presented | Any] | None:
    """The one credential of a request whose headers come once each, and no bearer value beside it."""
    by_name = request.by_name
    if by_name is None or not demand.may_be_warm:
        return None
    found: tuple[Lane, Presented] | None = None
    for lane in demand.lanes:
        presented = lane.method.extract(request)
        if presented is not None:
            if found is not None or lane.has_body:
                return None
            found = lane, presented
    if found is not None and demand.bearer_carried:
        authorization = by_name.get(b"authorization", b"")
        if authorization[:6].lower() == b"bearer" and not found[1].is_bearer(authorization):
            return None
    return found

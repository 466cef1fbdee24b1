"""What was presented: phases 2 and 3, before anything is looked up.

Rules of this file:

* The methods a door lists are asked, in order, and no others: a credential of another kind is as good as absent.
* One credential goes on. Which of two was meant would be decided by whoever stands behind us, and not as we do.
"""

from doorward.door.passage import Passage
from doorward.errors import Rejected
from doorward.wire.credential import hide_credentials
from doorward.wire.request import RequestView

__all__ = ["extract", "now_of", "single"]


def extract(passage: Passage) -> None:
    """Ask the methods this door lists, and no other: a credential of another kind is not there."""
    request = passage.request
    for lane in passage.demand.lanes:
        presented = lane.method.extract(request)
        if presented is not None:
            passage.extracted += ((lane, presented),)


def single(passage: Passage) -> None:
    """Exactly one credential goes on."""
    extracted = passage.extracted
    if len(extracted) > 1:
        # Two hops that each look at another of two credentials disagree on who is calling.
        raise Rejected("credential_conflict", " and ".join(lane.name for lane, _ in extracted))
    if passage.demand.bearer_carried:
        # A bearer value nobody recognises beside a good key would be a second identity for the next hop.
        by_name = passage.request.by_name
        if by_name is None:
            for value in passage.request.values(b"authorization"):
                _refuse_unrecognised(passage, value)
        elif b"authorization" in by_name:
            _refuse_unrecognised(passage, by_name[b"authorization"])
    if not extracted:
        if passage.demand.bearer_carried:
            _refuse_without_scheme(passage.request)
        raise Rejected("credential_missing")
    passage.lane, passage.presented = extracted[0]
    passage.now = now_of(passage)


def now_of(passage: Passage) -> int:
    """Epoch seconds: by the clock of the store where there is one."""
    plane = passage.lane.plane
    return int(passage.demand.clock() if plane is None else plane.clock())


def _refuse_unrecognised(passage: Passage, presented_authorization: bytes) -> None:
    """Refuse a bearer value that is the credential of no listed method."""
    if presented_authorization[:6].lower() != b"bearer":
        return
    extracted = passage.extracted
    # The usual case, without a second look. The whole value: its public id alone may stand in any other's.
    if extracted and extracted[0][1].is_bearer(presented_authorization):
        return
    if presented_authorization[6:7] not in {b"", b" ", b"\t"}:
        # A scheme that only begins like it; no concern of ours.
        return
    alone = _with_headers(passage.request, presented_authorization)
    if not any(lane.bearer_carried and lane.method.extract(alone) is not None for lane in passage.demand.lanes):
        raise Rejected("credential_unrecognised")


def _refuse_without_scheme(request: RequestView) -> None:
    """A token or key that stands alone in `Authorization` proves nothing; whoever sent it is told what it lacks."""
    for value in request.values(b"authorization"):
        if b" " not in value and hide_credentials(value) != value:
            raise Rejected("credential_without_scheme")


def _with_headers(request: RequestView, authorization: bytes) -> RequestView:
    return RequestView(
        method=request.method,
        raw_target=b"/",
        headers=((b"authorization", authorization),),
        scheme=request.scheme,
        peer=request.peer,
        client=request.client,
        forwarded=request.forwarded,
        read_body=request.read_body,
        pass_body=request.pass_body,
    )

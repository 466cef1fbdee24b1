"""What the log and the counts are told of a request, admitted or refused.

Rules of this file:

* Every outcome is told, with the public id that was presented, whether it exists or not.
* No secret travels: of the target only the path, and what looks like a credential in it is hidden before it is cut.
"""

from typing import Final

from doorward.door.passage import Lane, Passage
from doorward.values import Principal
from doorward.wire.credential import TAIL_CHARACTERS, hide_credentials
from doorward.wire.request import RequestView

__all__ = ["record_admission", "record_refusal"]

REQUEST_LINE_CHARACTERS_MAX: Final = 200


def record_admission(lane: Lane, principal: Principal, request: RequestView, now: int) -> None:
    """Count one use of a credential, and tell the log. `now` is epoch seconds of the store's clock."""
    plane = lane.plane
    if plane is None:
        return
    source = _source_text(request)
    if lane.counts_use:
        plane.usage.count(lane.name, principal.credential_id, now, source)
    plane.verifications.record(
        now,
        lane.name,
        principal.credential_id,
        principal.id,
        principal.organization_id,
        source,
        None,
        _request_line(request),
    )


def record_refusal(passage: Passage, code: str) -> None:
    """Refused or unavailable: tell the log, with the public id that was presented, whether it exists or not."""
    found = passage.extracted[0] if len(passage.extracted) == 1 else None
    lane = found[0] if found is not None else passage.demand.lanes[0]
    if lane.plane is None:
        return
    principal = passage.verified.principal if passage.is_proven else None
    lane.plane.verifications.record(
        int(lane.plane.clock()),
        lane.name if found is not None else None,
        found[1].lookup_id if found is not None else None,
        principal.id if principal is not None else None,
        principal.organization_id if principal is not None else None,
        _source_text(passage.request),
        code,
        _request_line(passage.request),
    )


def _source_text(request: RequestView) -> str | None:
    client = request.client
    # Nearly always the same object: writing an address anew costs more than proving a key.
    if client is request.peer.address:
        return request.peer.text
    return None if client is None else str(client)


def _request_line(request: RequestView) -> str:
    # Without the query, which may hold anything, secrets included.
    path = request.raw_target[:REQUEST_LINE_CHARACTERS_MAX].partition(b"?")[0]
    if len(path) > TAIL_CHARACTERS:
        # Some client puts its key into the path. Hidden before the path is cut, or most of the key would stay.
        path = hide_credentials(request.raw_target.partition(b"?")[0])[:REQUEST_LINE_CHARACTERS_MAX]
    return f"{request.method} {path.decode('latin-1')}"[:REQUEST_LINE_CHARACTERS_MAX]

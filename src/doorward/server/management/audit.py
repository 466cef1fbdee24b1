"""`/api/v1/audit`: what was changed, by whom. (Verifications are in each process's own log.)"""

from typing import Annotated, final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from doorward.audit.port import AuditFilter
from doorward.server.management.asking import PAGE_ITEMS, PAGE_ITEMS_MAX, Asking
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.models import EventPage
from doorward.server.management.reach import Reach
from doorward.server.management.views import view_event
from doorward.values import Principal

__all__ = ["add_audit_routes"]

_Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._-]+$")]
_Moment = Annotated[int, Field(ge=0, le=2**53)]


@final
class AuditQuery(BaseModel):
    """Which events: all that fit every member. Times are epoch seconds, `until` exclusive."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    app_id: _Word | None = None
    organization_id: _Word | None = None
    credential_id: _Word | None = None
    code: _Word | None = None
    action: _Word | None = None
    since: _Moment | None = None
    until: _Moment | None = None
    after: _Moment = 0
    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS


def add_audit_routes(router: APIRouter, doors: Doors, asking: Asking) -> None:
    """Read."""
    reader = doors.of(AdministratorScope.AUDIT_READ)

    @router.get("/audit")
    async def list_events(
        request: Request, principal: Annotated[Principal, Depends(reader)], query: Annotated[AuditQuery, Query()]
    ) -> EventPage:
        """Changes in reach, oldest first."""
        reach = asking.reach(request, principal)
        wanted = _wanted(query, reach)
        if wanted is None:
            return EventPage(items=[], next=None)
        found = await reach.list_events(wanted, after_sequence=query.after, limit=query.limit)
        more = found[-1].sequence if len(found) == query.limit else None
        return EventPage(items=[view_event(event) for event in found], next=more)


def _wanted(query: AuditQuery, reach: Reach) -> AuditFilter | None:
    own = reach.organization_id
    if own is not None and query.organization_id not in {None, own}:
        return None
    return AuditFilter(
        app_id=query.app_id,
        organization_id=own or query.organization_id,
        credential_id=query.credential_id,
        code=query.code,
        action=query.action,
        since=query.since,
        until=query.until,
    )

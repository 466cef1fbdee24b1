"""`/api/v1/passwords`: app passwords, and who still uses Basic."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from doorward.errors import Rejected
from doorward.methods.basic.operations import (
    create_password,
    disable_password,
    enable_password,
    revoke_password,
)
from doorward.methods.basic.order import PasswordOrder
from doorward.methods.basic.port import PasswordRecord
from doorward.server.management.asking import Asking, CredentialPageQuery, parse_credential_id
from doorward.server.management.doors import AdministratorScope, Doors
from doorward.server.management.models import (
    PasswordIssued,
    PasswordOrderIn,
    PasswordPage,
    PasswordView,
)
from doorward.server.management.moves import Move, add_moves
from doorward.server.management.views import view_password
from doorward.values import AppId, Principal, Scopes

__all__ = ["add_password_routes"]


def add_password_routes(router: APIRouter, doors: Doors, asking: Asking) -> None:
    """Read, create, disable, enable, revoke; who still uses them."""
    reader = doors.of(AdministratorScope.PASSWORDS_READ)
    writer = doors.of(AdministratorScope.PASSWORDS_WRITE)

    @router.get("/passwords")
    async def list_passwords(
        request: Request,
        principal: Annotated[Principal, Depends(reader)],
        page: Annotated[CredentialPageQuery, Query()],
    ) -> PasswordPage:
        """App passwords in reach, by id; with `app_id` those of one app."""
        return _page(await _found(asking, request, principal, page), page.limit, used_only=False)

    @router.get("/passwords/usage")
    async def list_usage(
        request: Request,
        principal: Annotated[Principal, Depends(reader)],
        page: Annotated[CredentialPageQuery, Query()],
    ) -> PasswordPage:
        """Who still uses Basic: of each page of app passwords those that were ever used, when and from where."""
        return _page(await _found(asking, request, principal, page), page.limit, used_only=True)

    @router.post("/passwords", status_code=201)
    async def create(
        request: Request, response: Response, principal: Annotated[Principal, Depends(writer)], order: PasswordOrderIn
    ) -> PasswordIssued:
        """A new app password. The secret is in this answer and nowhere else."""
        reach = asking.reach(request, principal)
        wanted = PasswordOrder(
            app_id=AppId(order.app_id),
            name=order.name,
            scopes=Scopes(*order.scopes),
            expires_in_s=order.expires_in_s,
        )
        reach.require_grantable(wanted.scopes)
        issued = await create_password(reach, wanted, actor=asking.actor(request, principal))
        shown = _shown(response, issued.record)
        return PasswordIssued(password=shown, user_id=issued.record.app_id, secret=issued.text)

    @router.get("/passwords/{password_id}")
    async def read(
        request: Request, response: Response, principal: Annotated[Principal, Depends(reader)], password_id: str
    ) -> PasswordView:
        """One app password."""
        found = await asking.reach(request, principal).passwords.find_password(parse_credential_id(password_id))
        if found is None:
            raise Rejected("object_unknown", "no such app password in reach")
        return _shown(response, found)

    add_moves(
        router,
        writer,
        asking,
        (
            Move("disable", disable_password, empowering=False, description="It opens no door until it is enabled."),
            Move("enable", enable_password, empowering=True, description="Undo disabling."),
            Move("revoke", revoke_password, empowering=False, description="It opens no door ever again."),
        ),
        path="/passwords",
        noun="password",
        parse_id=parse_credential_id,
        show=_shown,
        view=PasswordView,
    )


async def _found(
    asking: Asking, request: Request, principal: Principal, page: CredentialPageQuery
) -> tuple[PasswordRecord, ...]:
    passwords = asking.reach(request, principal).passwords
    return await passwords.list_passwords(app_id=page.app, after=page.after, limit=page.limit)


def _page(found: tuple[PasswordRecord, ...], limit: int, *, used_only: bool) -> PasswordPage:
    items = [view_password(password) for password in found if password.use_count or not used_only]
    return PasswordPage(items=items, next=found[-1].id if len(found) == limit else None)


def _shown(response: Response, record: PasswordRecord) -> PasswordView:
    response.headers["etag"] = f'"{record.version}"'
    return view_password(record)

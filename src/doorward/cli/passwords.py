"""`doorward passwords`: app passwords for Basic, and who still uses them."""

from typing import Annotated

import typer

from doorward.cli.find import list_pages, locate_app, locate_app_id
from doorward.cli.frame import (
    After,
    AppFilter,
    Because,
    Desk,
    Limit,
    Name,
    ScopeList,
    new_group,
    offer,
    require_reason,
)
from doorward.cli.parse import parse_credential_id, parse_expiry_s
from doorward.cli.passwords_view import show_issued_password, show_moved_password, show_passwords, show_usage
from doorward.cli.problems import UsageProblem
from doorward.methods.basic import operations
from doorward.methods.basic.config import EXPIRES_IN_S
from doorward.methods.basic.order import PasswordOrder
from doorward.values import Scopes

commands = new_group("App passwords for Basic, and who still uses them.")

PasswordId = Annotated[str, typer.Argument(metavar="ID", help="The password's id; never the password.")]


@offer(commands, "create")
async def create(
    desk: Desk,
    app: Annotated[str, typer.Argument(metavar="APP", help="The app it belongs to: id or name.")],
    *,
    name: Name = None,
    scope: ScopeList = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="WHEN", help="90d or 2026-12-31 (its last day). Default: 90d; a year at most."
        ),
    ] = None,
) -> None:
    """Create an app password and show it, once. For callers that know nothing better than Basic."""
    expires_in_s = _expires_in_s(expires, desk.now)
    async with desk.store() as store:
        owner = await locate_app(store.apps, app)
        order = PasswordOrder(
            app_id=owner.id,
            name=owner.name if name is None else name,
            scopes=Scopes(*(scope or ())),
            expires_in_s=expires_in_s,
        )
        issued = await operations.create_password(store, order, actor=desk.actor)
    show_issued_password(desk.out, issued.record, issued.text, desk.now)


def _expires_in_s(expires: str | None, now: int) -> int:
    if expires is None:
        return EXPIRES_IN_S
    seconds = parse_expiry_s(expires, now)
    if seconds == "never":
        raise UsageProblem("An app password always expires: write a duration (90d) or a last day (2026-12-31).")
    return seconds


@offer(commands, "list")
async def list_passwords(desk: Desk, *, app: AppFilter = None, after: After = "", limit: Limit = 1_000) -> None:
    """List app passwords, never what they are."""
    async with desk.store() as store:
        app_id = await locate_app_id(store.apps, app)
        records = await list_pages(
            lambda last, size: store.passwords.list_passwords(app_id=app_id, after=last, limit=size),
            after=after,
            limit=limit,
            out=desk.out,
        )
    show_passwords(desk.out, records, desk.now)


@offer(commands, "usage")
async def usage(desk: Desk, *, app: AppFilter = None, limit: Limit = 1_000) -> None:
    """Who still uses Basic: how often, when last, and from where. The ones seen last come first."""
    async with desk.store() as store:
        app_id = await locate_app_id(store.apps, app)
        records = await list_pages(
            lambda last, size: store.passwords.list_passwords(app_id=app_id, after=last, limit=size),
            after="",
            limit=limit,
            out=desk.out,
        )
    show_usage(desk.out, records, desk.now)


@offer(commands, "disable")
async def disable(desk: Desk, password_id: PasswordId, *, because: Because = None) -> None:
    """Close every door to an app password, until it is enabled again."""
    wanted, reason = parse_credential_id(password_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.disable_password(store, wanted, reason=reason, actor=desk.actor)
    show_moved_password(desk.out, record, "Disabled")


@offer(commands, "enable")
async def enable(desk: Desk, password_id: PasswordId, *, because: Because = None) -> None:
    """Undo `disable`."""
    wanted, reason = parse_credential_id(password_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.enable_password(store, wanted, reason=reason, actor=desk.actor)
    show_moved_password(desk.out, record, "Enabled")


@offer(commands, "revoke")
async def revoke(desk: Desk, password_id: PasswordId, *, because: Because = None) -> None:
    """End an app password for good. There is no way back."""
    wanted, reason = parse_credential_id(password_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.revoke_password(store, wanted, reason=reason, actor=desk.actor)
    show_moved_password(desk.out, record, "Revoked for good")

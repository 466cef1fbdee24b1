"""`doorward keys`: API keys from creation to revocation."""

from typing import Annotated

import typer

from doorward.cli.find import list_pages, locate_app, locate_app_id
from doorward.cli.frame import (
    After,
    AppFilter,
    Because,
    Desk,
    Limit,
    Metadata,
    Name,
    NewName,
    ScopeList,
    new_group,
    offer,
    require_reason,
)
from doorward.cli.grant_options import AnyNetwork, Networks, NoRate, NoScopes, Overlap, Rate
from doorward.cli.inspect import inspect_credential
from doorward.cli.keys_change import changes_of, new_value
from doorward.cli.keys_expiry import Expires, expires_in_s_of
from doorward.cli.keys_view import show_issued_key, show_key, show_keys, show_moved_key
from doorward.cli.parse import (
    parse_credential_id,
    parse_metadata,
    parse_overlap_s,
    parse_rate,
)
from doorward.errors import Rejected
from doorward.methods.apikey import operations
from doorward.methods.apikey.order import KeyOrder
from doorward.values import Environment, Scopes

commands = new_group("API keys: create, rotate, change, revoke, inspect.")

KeyId = Annotated[
    str, typer.Argument(metavar="ID", help="The key's id, alone or as it is listed; never the whole key.")
]


@offer(commands, "create")
async def create(
    desk: Desk,
    app: Annotated[str, typer.Argument(metavar="APP", help="The app it belongs to: id or name.")],
    *,
    name: Name = None,
    scope: ScopeList = None,
    expires: Expires = None,
    network: Networks = None,
    rate: Rate = None,
    test: Annotated[bool, typer.Option("--test", metavar="", help="A test key: it opens no live door.")] = False,
    metadata: Metadata = None,
) -> None:
    """Create a key and show it, once."""
    rate_limit = None if rate is None else parse_rate(rate)
    expires_in_s, more = expires_in_s_of(expires, desk.now), parse_metadata(metadata or [])
    async with desk.store() as store:
        owner = await locate_app(store.apps, app)
        order = KeyOrder(
            app_id=owner.id,
            name=owner.name if name is None else name,
            environment=Environment.TEST if test else Environment.LIVE,
            scopes=Scopes(*(scope or ())),
            networks=tuple(network or ()),
            rate=rate_limit,
            expires_in_s=expires_in_s,
            metadata=more,
            prefix=desk.settings().key_prefix,
        )
        issued = await operations.create_key(store, order, actor=desk.actor)
    show_issued_key(desk.out, issued.record, issued.text, desk.now, said=f"Created a key for {owner.name}.")


@offer(commands, "list")
async def list_keys(desk: Desk, *, app: AppFilter = None, after: After = "", limit: Limit = 1_000) -> None:
    """List keys: what they start with, never their tail."""
    async with desk.store() as store:
        app_id = await locate_app_id(store.apps, app)
        records = await list_pages(
            lambda last, size: store.keys.list_keys(app_id=app_id, after=last, limit=size),
            after=after,
            limit=limit,
            out=desk.out,
        )
    show_keys(desk.out, records, desk.now)


@offer(commands, "show")
async def show(desk: Desk, key_id: KeyId) -> None:
    """Show one key: what it may do, since when, last used where."""
    wanted = parse_credential_id(key_id)
    async with desk.store() as store:
        record = await store.keys.find_key(wanted)
    if record is None:
        raise Rejected("object_unknown", f"no key {wanted}; `doorward keys list` shows them")
    show_key(desk.out, record, desk.now)


@offer(commands, "rotate")
async def rotate(desk: Desk, key_id: KeyId, *, overlap: Overlap = "24h", because: Because = None) -> None:
    """Replace a key by a successor with the same grants, and show that, once."""
    wanted, overlap_s, reason = parse_credential_id(key_id), parse_overlap_s(overlap), require_reason(because)
    async with desk.store() as store:
        issued = await operations.rotate_key(store, wanted, overlap_s=overlap_s, reason=reason, actor=desk.actor)
    end = f"works for another {overlap} at most" if overlap_s else "no longer works"
    said = f"Rotated. This key succeeds {wanted}, which {end}."
    show_issued_key(desk.out, issued.record, issued.text, desk.now, said=said)


@offer(commands, "change")
async def change(
    desk: Desk,
    key_id: KeyId,
    *,
    name: NewName = None,
    scope: ScopeList = None,
    no_scopes: NoScopes = False,
    network: Networks = None,
    any_network: AnyNetwork = False,
    rate: Rate = None,
    no_rate: NoRate = False,
    because: Because = None,
) -> None:
    """Change what a key may do, effective everywhere at once. What is given replaces what was.

    An expiry cannot be moved, or it would be none: rotate the key instead.
    """
    wanted, reason = parse_credential_id(key_id), require_reason(because)
    changes = changes_of(
        name=name,
        scopes=new_value(scope, none=no_scopes, names="--scope and --no-scopes"),
        networks=new_value(network, none=any_network, names="--network and --any-network"),
        rate=new_value(rate, none=no_rate, names="--rate and --no-rate"),
    )
    async with desk.store() as store:
        record = await operations.change_key(store, wanted, changes, reason=reason, actor=desk.actor)
    desk.out.done(f"Changed {wanted}.")
    show_key(desk.out, record, desk.now)


@offer(commands, "disable")
async def disable(desk: Desk, key_id: KeyId, *, because: Because = None) -> None:
    """Close every door to a key, until it is enabled again."""
    wanted, reason = parse_credential_id(key_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.disable_key(store, wanted, reason=reason, actor=desk.actor)
    show_moved_key(desk.out, record, desk.now, "Disabled")


@offer(commands, "enable")
async def enable(desk: Desk, key_id: KeyId, *, because: Because = None) -> None:
    """Undo `disable`."""
    wanted, reason = parse_credential_id(key_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.enable_key(store, wanted, reason=reason, actor=desk.actor)
    show_moved_key(desk.out, record, desk.now, "Enabled")


@offer(commands, "revoke")
async def revoke(desk: Desk, key_id: KeyId, *, because: Because = None) -> None:
    """End a key for good. There is no way back."""
    wanted, reason = parse_credential_id(key_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.revoke_key(store, wanted, reason=reason, actor=desk.actor)
    show_moved_key(desk.out, record, desk.now, "Revoked for good")


@offer(commands, "inspect")
async def inspect_key(desk: Desk) -> None:
    """Say what a key is, offline: it is read from standard input, never from the command line.

    The checksum tells a key from a look-alike; it does not tell whether the key opens anything.
    """
    inspect_credential(desk.out)

"""`doorward signatures keys`: the keys apps sign requests with, from creation to revocation."""

from contextlib import nullcontext
from pathlib import Path
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
from doorward.cli.keys_change import changes_of, new_value
from doorward.cli.keys_expiry import Expires
from doorward.cli.parse import parse_overlap_s, parse_signature_key_id
from doorward.cli.problems import UsageProblem
from doorward.cli.signatures_keys_files import new_private_file, parse_algorithm, read_public_key
from doorward.cli.signatures_keys_order import order_for, order_of
from doorward.cli.signatures_keys_view import (
    show_issued_signature_key,
    show_moved_signature_key,
    show_registered_signature_key,
    show_signature_key,
    show_signature_keys,
)
from doorward.errors import Rejected
from doorward.methods.signature import operations
from doorward.methods.signature.order import IssuedSignatureKey

commands = new_group("The keys apps sign requests with: create, register, rotate, change, revoke.")

App = Annotated[str, typer.Argument(metavar="APP", help="The app it belongs to: id or name.")]
KeyId = Annotated[str, typer.Argument(metavar="ID", help="The key's id: sig_… as it is listed.")]
JwkFile = Annotated[
    Path | None,
    typer.Option(
        "--jwk-file",
        metavar="FILE",
        help="Write the secret into a new file as a JWK, for you only, instead of showing it.",
    ),
]
Algorithm = Annotated[
    str | None,
    typer.Option("--algorithm", metavar="ALG", help="What it is used with, where the file leaves that open (RSA)."),
]


@offer(commands, "create")
async def create(
    desk: Desk,
    app: App,
    *,
    name: Name = None,
    scope: ScopeList = None,
    expires: Expires = None,
    network: Networks = None,
    rate: Rate = None,
    metadata: Metadata = None,
    jwk_file: JwkFile = None,
) -> None:
    """Create a key with a secret for hmac-sha256, and show that, once.

    Where the app can keep a private key, let it make a pair and `register` the public half: then nothing that is
    stored here can sign.
    """
    order = order_of(desk, scope, expires, network, rate, metadata)
    with nullcontext() if jwk_file is None else new_private_file(jwk_file) as write:
        async with desk.store() as store:
            owner = await locate_app(store.apps, app)
            issued = await operations.create_signature_key(store, order_for(order, owner, name), actor=desk.actor)
        if write is not None:
            write(issued.jwk())
    show_issued_signature_key(desk.out, issued, desk.now, jwk_file, said=f"Created a signature key for {owner.name}.")


@offer(commands, "register")
async def register(
    desk: Desk,
    app: App,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="Its public key: a JWK or PEM; - is standard input.")],
    *,
    algorithm: Algorithm = None,
    name: Name = None,
    scope: ScopeList = None,
    expires: Expires = None,
    network: Networks = None,
    rate: Rate = None,
    metadata: Metadata = None,
) -> None:
    """Register the public key of a pair the app has made: Ed25519, P-256, P-384, or RSA from 2,048 bits.

    The private half stays with the app. It signs under the id the key gets here, whatever its file calls it.
    """
    order = order_of(desk, scope, expires, network, rate, metadata)
    key = read_public_key(path, parse_algorithm(algorithm))
    async with desk.store() as store:
        owner = await locate_app(store.apps, app)
        record = await operations.register_signature_key(store, order_for(order, owner, name), key, actor=desk.actor)
    show_registered_signature_key(desk.out, record, desk.now, said=f"Registered a signature key of {owner.name}.")


@offer(commands, "list")
async def list_keys(desk: Desk, *, app: AppFilter = None, after: After = "", limit: Limit = 1_000) -> None:
    """List keys, never their secrets."""
    async with desk.store() as store:
        app_id = await locate_app_id(store.apps, app)
        records = await list_pages(
            lambda last, size: store.signature_keys.list_signature_keys(app_id=app_id, after=last, limit=size),
            after=after,
            limit=limit,
            out=desk.out,
        )
    show_signature_keys(desk.out, records, desk.now)


async def _show(desk: Desk, key_id: KeyId) -> None:
    """Show one key: what it may do, since when, last used where."""
    wanted = parse_signature_key_id(key_id)
    async with desk.store() as store:
        record = await store.signature_keys.find_signature_key(wanted)
        master_keys = store.master_keys
    if record is None:
        raise Rejected("object_unknown", f"no signature key {wanted}; `doorward signatures keys list` shows them")
    show_signature_key(desk.out, record, desk.now, master_keys)


# As of API keys and apps; and by the name others may look for.
offer(commands, "show")(_show)
offer(commands, "inspect", hidden=True)(_show)


@offer(commands, "rotate")
async def rotate(
    desk: Desk,
    key_id: KeyId,
    *,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="FILE", help="The new public key, when the old one is public."),
    ] = None,
    algorithm: Algorithm = None,
    overlap: Overlap = "24h",
    jwk_file: JwkFile = None,
    because: Because = None,
) -> None:
    """Replace a key by a successor with the same grants. A new secret is shown, once."""
    wanted, overlap_s, reason = parse_signature_key_id(key_id), parse_overlap_s(overlap), require_reason(because)
    if public_key is not None and jwk_file is not None:
        raise UsageProblem("--jwk-file is for a new secret, and --public-key says that there is none: give one.")
    key = None if public_key is None else read_public_key(public_key, parse_algorithm(algorithm))
    with nullcontext() if jwk_file is None else new_private_file(jwk_file) as write:
        async with desk.store() as store:
            issued = await operations.rotate_signature_key(
                store, wanted, public_key=key, overlap_s=overlap_s, reason=reason, actor=desk.actor
            )
        if write is not None:
            write(issued.jwk())
    end = f"works for another {overlap} at most" if overlap_s else "no longer works"
    _show_successor(desk, issued, jwk_file, f"Rotated. This key succeeds {wanted}, which {end}.")


def _show_successor(desk: Desk, issued: IssuedSignatureKey, jwk_file: Path | None, said: str) -> None:
    if issued.secret is None:
        show_registered_signature_key(desk.out, issued.record, desk.now, said=said)
    else:
        show_issued_signature_key(desk.out, issued, desk.now, jwk_file, said=said)


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
    wanted, reason = parse_signature_key_id(key_id), require_reason(because)
    changes = changes_of(
        name=name,
        scopes=new_value(scope, none=no_scopes, names="--scope and --no-scopes"),
        networks=new_value(network, none=any_network, names="--network and --any-network"),
        rate=new_value(rate, none=no_rate, names="--rate and --no-rate"),
    )
    async with desk.store() as store:
        record = await operations.change_signature_key(store, wanted, changes, reason=reason, actor=desk.actor)
        master_keys = store.master_keys
    desk.out.done(f"Changed {wanted}.")
    show_signature_key(desk.out, record, desk.now, master_keys)


@offer(commands, "disable")
async def disable(desk: Desk, key_id: KeyId, *, because: Because = None) -> None:
    """Close every door to a key, until it is enabled again."""
    wanted, reason = parse_signature_key_id(key_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.disable_signature_key(store, wanted, reason=reason, actor=desk.actor)
    show_moved_signature_key(desk.out, record, desk.now, "Disabled")


@offer(commands, "enable")
async def enable(desk: Desk, key_id: KeyId, *, because: Because = None) -> None:
    """Undo `disable`."""
    wanted, reason = parse_signature_key_id(key_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.enable_signature_key(store, wanted, reason=reason, actor=desk.actor)
    show_moved_signature_key(desk.out, record, desk.now, "Enabled")


@offer(commands, "revoke")
async def revoke(desk: Desk, key_id: KeyId, *, because: Because = None) -> None:
    """End a key for good, and erase its secret. There is no way back."""
    wanted, reason = parse_signature_key_id(key_id), require_reason(because)
    async with desk.store() as store:
        record = await operations.revoke_signature_key(store, wanted, reason=reason, actor=desk.actor)
    show_moved_signature_key(desk.out, record, desk.now, "Revoked for good")

"""`doorward webhooks secrets`: the secrets of senders, from the first to the last delivery they sign."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from doorward.cli.frame import Because, Desk, new_group, offer, require_reason
from doorward.cli.parse import parse_beginning, parse_expiry_s, parse_overlap_s, parse_webhook_secret_id
from doorward.cli.problems import Failed, UsageProblem
from doorward.cli.webhooks_files import read_one_secret
from doorward.cli.webhooks_secrets_view import show_issued_secret, show_retired_secret, show_secrets
from doorward.errors import Rejected
from doorward.methods.webhook import operations
from doorward.methods.webhook.needed import needed_because
from doorward.methods.webhook.order import SecretOrder
from doorward.methods.webhook.port import SecretRecord, SecretState, SenderRecord
from doorward.methods.webhook.schemes import SCHEMES

if TYPE_CHECKING:
    from doorward.app.store import Store

__all__ = ["commands"]

commands = new_group("The secrets of senders, sealed in the store: add, rotate, list, retire.")

SenderName = Annotated[str, typer.Argument(metavar="SENDER", help="The sender's name.")]
SecretFile = Annotated[
    Path | None,
    typer.Option(
        "--secret-file",
        metavar="FILE",
        help="The secret the sender shows you; - is standard input. Default: a new one, where the scheme allows it.",
    ),
]


@offer(commands, "add")
async def add(
    desk: Desk,
    sender: SenderName,
    *,
    secret_file: SecretFile = None,
    begins: Annotated[
        str | None, typer.Option("--from", metavar="WHEN", help="From when it counts: 2h, 2026-12-31. Default: now.")
    ] = None,
    ends: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help="Until when: 90d, 2026-12-31 (its last day). Default: never."),
    ] = None,
) -> None:
    """Add a secret, beside those a sender has. One that is made here is shown, once."""
    now = desk.now
    order = SecretOrder(
        sender=sender,
        text=None if secret_file is None else read_one_secret(secret_file),
        not_before=None if begins is None else parse_beginning(begins, now),
        not_after=_end(ends, now),
        prefix=desk.settings().key_prefix,
    )
    async with desk.store() as store:
        await _require_addable(store, sender, secret_file)
        # Nothing is read between making a secret and showing it: what fails there loses what is shown once.
        held = await store.senders.list_held_secrets(sender)
        issued = await operations.add_secret(store, order, actor=desk.actor)
    show_issued_secret(desk.out, issued, (*held, issued.record), desk.now, said=f"Added a secret of {sender}.")


@offer(commands, "rotate")
async def rotate(
    desk: Desk,
    sender: SenderName,
    *,
    secret_file: SecretFile = None,
    overlap: Annotated[
        str,
        typer.Option("--overlap", metavar="TIME", help="How long the others still count: 24h; 0 when one has leaked."),
    ] = "24h",
    because: Because = None,
) -> None:
    """Add a secret and let the others end. With --overlap 0 they are retired at once."""
    overlap_s, reason = parse_overlap_s(overlap), require_reason(because)
    text = None if secret_file is None else read_one_secret(secret_file)
    order = SecretOrder(sender=sender, text=text, prefix=desk.settings().key_prefix)
    async with desk.store() as store:
        await _require_addable(store, sender, secret_file)
        held = await store.senders.list_held_secrets(sender) if overlap_s else ()
        issued = await operations.rotate_secret(store, order, overlap_s=overlap_s, reason=reason, actor=desk.actor)
    end = f"count for another {overlap} at most" if overlap_s else "no longer count"
    show_issued_secret(
        desk.out, issued, (*held, issued.record), desk.now, said=f"Rotated. The secrets {sender} had until now {end}."
    )


@offer(commands, "list")
async def list_secrets(desk: Desk, sender: SenderName) -> None:
    """List the secrets of a sender: since when, until when, last used, and whether one may be retired.

    A secret may go when it has not matched for a day and another one has since. Use is counted at most once a minute:
    what is not counted yet is never taken for none.
    """
    async with desk.store() as store:
        await _require_sender(store, sender)
        records = await store.senders.list_secrets(sender)
    show_secrets(desk.out, records, sender, desk.now)


@offer(commands, "retire")
async def retire(
    desk: Desk,
    secret_id: Annotated[
        str, typer.Argument(metavar="ID", help="The secret's id, as it is listed; never the secret itself.")
    ],
    *,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", metavar="", help="Also when a delivery may be lost by it."),
    ] = False,
    because: Because = None,
) -> None:
    """End a secret for good, and erase it. Whatever is signed with it is refused everywhere at once.

    The only active secret, and one the sender may still sign with, want --anyway. Nothing remembers an erased secret:
    do not add one again that has leaked.
    """
    wanted, reason = parse_webhook_secret_id(secret_id), require_reason(because)
    async with desk.store() as store:
        found = await store.senders.find_secret(wanted)
        if found is None:
            raise Rejected(
                "object_unknown", f"no webhook secret {wanted}; `doorward webhooks secrets list SENDER` shows them"
            )
        if found.state is SecretState.RETIRED:
            raise Failed(f"{wanted} of {found.sender} is retired already.")
        if not anyway:
            _require_unneeded(await store.senders.list_held_secrets(found.sender), found, desk.now)
        record = await operations.retire_secret(store, wanted, anyway=anyway, reason=reason, actor=desk.actor)
    show_retired_secret(desk.out, record, desk.now)


def _require_unneeded(held: Sequence[SecretRecord], record: SecretRecord, now: int) -> None:
    needed = needed_because(held, record, now)
    if needed is not None:
        raise Failed(
            f"{record.id} is not retired, because a delivery may be lost by it: {needed.value}. "
            "Say --anyway if it is to be retired all the same."
        )


def _end(ends: str | None, now: int) -> int | None:
    seconds = "never" if ends is None else parse_expiry_s(ends, now)
    return None if seconds == "never" else now + seconds


async def _require_sender(store: "Store", name: str) -> SenderRecord:
    sender = await store.senders.find_sender(name)
    if sender is None:
        raise Rejected(
            "object_unknown",
            f"no sender {name!r}; `doorward webhooks senders list` shows them, `… add` adds one",
        )
    return sender


async def _require_addable(store: "Store", name: str, secret_file: Path | None) -> None:
    """See that there is a secret to add, and whose: what is missing is said as it is written here."""
    scheme = SCHEMES.get((await _require_sender(store, name)).scheme)
    if secret_file is None and scheme is not None and scheme.secret_assigned:
        raise UsageProblem(f"{scheme.sender} makes the secret: give the one it shows you, with --secret-file FILE.")

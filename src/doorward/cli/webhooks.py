"""`doorward webhooks`: sign, verify, and say why a signature does not fit; senders and their secrets in the store."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from doorward.cli.frame import Desk, new_group, offer
from doorward.cli.problems import UsageProblem
from doorward.cli.webhooks_files import read_body, read_headers, read_received, read_secrets
from doorward.cli.webhooks_secrets import commands as secrets_of_senders
from doorward.cli.webhooks_senders import commands as senders
from doorward.cli.webhooks_source import (
    PlainEncoding,
    PlainHeader,
    PlainPrefix,
    SchemeName,
    SecretFiles,
    SenderName,
    find_source,
    parse_texts,
)
from doorward.cli.webhooks_view import show_explanation, show_headers, show_refused, show_verified
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import Scheme, WebhookSecret, sign_delivery, verify_delivery
from doorward.methods.webhook.config import TOLERANCE_S
from doorward.methods.webhook.explain import explain_delivery
from doorward.methods.webhook.explain.explain import EXPLAINED_SECRETS_MAX
from doorward.methods.webhook.wire import find_value
from doorward.wire.request import Header

commands = new_group(
    "Sign and verify webhooks, and say why a signature does not fit: without a server, and without a store unless "
    "--sender names one in it."
)
commands.add_typer(senders, name="senders")
commands.add_typer(secrets_of_senders, name="secrets")

Headers = Annotated[
    Path | None, typer.Option("--headers", metavar="FILE", help="The headers as received, `Name: value` lines.")
]
Body = Annotated[
    Path | None, typer.Option("--body", metavar="FILE", help="The body, byte for byte; - is standard input.")
]
Request = Annotated[
    Path | None,
    typer.Option("--request", metavar="FILE", help="Headers, an empty line and the body in one file, as captured."),
]
At = Annotated[
    int | None, typer.Option("--at", metavar="UNIX_SECONDS", min=0, help="As if it were that time. Default: now.")
]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="The URL as the sender has it; Twilio signs it.")]
Tolerance = Annotated[
    int, typer.Option("--tolerance-s", metavar="N", help="How far the time may be off, either way, in seconds.")
]


@offer(commands, "sign")
async def sign(
    desk: Desk,
    *,
    scheme: SchemeName = None,
    secret_file: SecretFiles = None,
    sender: SenderName = None,
    body: Annotated[
        Path, typer.Option("--body", metavar="FILE", help="What is sent, byte for byte; - is standard input.")
    ],
    headers: Annotated[
        Path | None,
        typer.Option("--headers", metavar="FILE", help="Headers that hold the id, the time or the content type."),
    ] = None,
    delivery_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="The id, where it is signed. Default: a new one.")
    ] = None,
    at: At = None,
    url: Url = None,
    header: PlainHeader = None,
    encoding: PlainEncoding = None,
    prefix: PlainPrefix = None,
) -> None:
    """Write the headers that make a body a signed delivery.

    They are signatures: whoever has them can send that body. Several secrets give several signatures, where the
    scheme can carry them.
    """
    now = desk.now if at is None else at
    plain = (header, encoding, prefix)
    source = await find_source(desk, sender=sender, scheme=scheme, secret_file=secret_file, plain=plain, at=now)
    chosen, signers = source.scheme, parse_texts(desk, source)
    if sender is not None:
        signers = _signing(signers, chosen, sender, now)
    with _usage():
        given = [] if headers is None else read_headers(headers)
        content_type = find_value(given, "content-type")
        signed = sign_delivery(
            chosen,
            signers,
            read_body(body),
            now=_time(desk, chosen, at, given),
            delivery_id=_id(chosen, delivery_id, given),
            url=url,
            content_type=None if content_type is None else content_type.decode("latin-1"),
        )
    show_headers(desk.out, signed)


@offer(commands, "verify")
async def verify(
    desk: Desk,
    *,
    scheme: SchemeName = None,
    secret_file: SecretFiles = None,
    sender: SenderName = None,
    headers: Headers = None,
    body: Body = None,
    request: Request = None,
    at: At = None,
    url: Url = None,
    tolerance_s: Tolerance = TOLERANCE_S,
    header: PlainHeader = None,
    encoding: PlainEncoding = None,
    prefix: PlainPrefix = None,
) -> None:
    """Verify a delivery and say which secret made it.

    Exit code 0 when it holds, 1 when it is refused, 2 when the command or a file is not understood.
    """
    now = desk.now if at is None else at
    plain = (header, encoding, prefix)
    source = await find_source(desk, sender=sender, scheme=scheme, secret_file=secret_file, plain=plain, at=now)
    chosen, secrets_in_use = source.scheme, parse_texts(desk, source)
    with _usage():
        received, content = read_received(headers, body, request)
        try:
            verified = verify_delivery(
                chosen, secrets_in_use, received, content, now=now, url=url, tolerance_s=tolerance_s
            )
        except Rejected as refusal:
            show_refused(desk.out, refusal)
            raise typer.Exit(1) from None
    show_verified(desk.out, verified, now)


@offer(commands, "explain")
async def explain(
    desk: Desk,
    *,
    scheme: SchemeName = None,
    secret_file: SecretFiles = None,
    sender: SenderName = None,
    headers: Headers = None,
    body: Body = None,
    request: Request = None,
    other_secret_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--other-secret-file", metavar="FILE", help="Retired secrets, or other endpoints'; repeat for more."
        ),
    ] = None,
    at: At = None,
    url: Url = None,
    tolerance_s: Tolerance = TOLERANCE_S,
    header: PlainHeader = None,
    encoding: PlainEncoding = None,
    prefix: PlainPrefix = None,
) -> None:
    """Say why a delivery is refused: which change makes its signature fit, and what to do.

    Tries what usually goes wrong, alone and in pairs. Nothing that is written is a secret or a signature. Exit code 0
    when there is an answer, 1 when there is none.
    """
    now = desk.now if at is None else at
    source = await find_source(
        desk,
        sender=sender,
        scheme=scheme,
        secret_file=secret_file,
        plain=(header, encoding, prefix),
        at=now,
        with_others=True,
    )
    given = read_secrets(other_secret_file or [], in_use=False)
    others = given + source.others[: max(0, EXPLAINED_SECRETS_MAX - len(source.texts) - len(given))]
    with _usage():
        received, content = read_received(headers, body, request)
        explanation = explain_delivery(
            source.scheme,
            [*source.texts, *others],
            received,
            content,
            now=now,
            url=url,
            tolerance_s=tolerance_s,
        )
    show_explanation(desk.out, explanation)
    if not explanation.accepted and not explanation.findings:
        raise typer.Exit(1)


@contextmanager
def _usage() -> Iterator[None]:
    # Nothing is configured here but by the command line and its files.
    try:
        yield
    except Misconfigured as error:
        raise UsageProblem(str(error)) from None


def _signing(held: Sequence[WebhookSecret], scheme: Scheme, sender: str, now: int) -> list[WebhookSecret]:
    """What a sender of the store signs with at that time: all that can, where the scheme carries several signatures."""
    able = [
        secret for secret in held if secret.is_active(now) and (secret.key is not None or secret.signer is not None)
    ]
    if not able:
        raise UsageProblem(
            f"{sender} has no active secret that can sign: see `doorward webhooks secrets list {sender}`."
        )
    return able if scheme.carries_several else able[:1]


def _id(scheme: Scheme, said: str | None, given: Sequence[Header]) -> str | None:
    if not scheme.signs_id:
        if said is not None:
            raise UsageProblem(f"--id is for schemes that sign an id; {scheme.name} signs none.")
        return None
    if said is not None:
        return said
    value = find_value(given, scheme.id_header)
    return f"msg_{secrets.token_hex(14)}" if value is None else value.decode("latin-1")


def _time(desk: Desk, scheme: Scheme, said: int | None, given: Sequence[Header]) -> int:
    if said is not None:
        return said
    value = find_value(given, scheme.timestamp_header) if scheme.timestamp_header else None
    return int(value) if value is not None and value.isdigit() and len(value) <= 11 else desk.now

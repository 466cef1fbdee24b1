"""`doorward webhooks`: sign, verify, and say why a signature does not fit. Without a server or a store."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from doorward.cli.frame import Desk, new_group, offer
from doorward.cli.problems import UsageProblem
from doorward.cli.webhooks_files import read_body, read_headers, read_received, read_secrets
from doorward.cli.webhooks_view import show_explanation, show_headers, show_refused, show_verified
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import (
    Encoding,
    Scheme,
    WebhookSecret,
    find_scheme,
    parse_secret,
    plain_scheme,
    sign_delivery,
    verify_delivery,
)
from doorward.methods.webhook.config import SECRET_BYTES_MIN, TOLERANCE_S
from doorward.methods.webhook.explain import SecretText, explain_delivery
from doorward.methods.webhook.wire import find_value
from doorward.wire.request import Header

commands = new_group("Sign and verify webhooks, and say why a signature does not fit. Needs no server and no store.")

_PLAIN: Final = "Options of --scheme plain"

SchemeName = Annotated[
    str,
    typer.Option("--scheme", metavar="NAME", help="standard, svix, stripe, github, slack, shopify, twilio or plain."),
]
SecretFiles = Annotated[
    list[Path],
    typer.Option("--secret-file", metavar="FILE", help="The secret, one a line where there are several; repeatable."),
]
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
PlainHeader = Annotated[
    str | None,
    typer.Option("--header", metavar="NAME", help="The header. Default: X-Signature.", rich_help_panel=_PLAIN),
]
PlainEncoding = Annotated[
    Encoding | None, typer.Option("--encoding", help="hex (default) or base64.", rich_help_panel=_PLAIN)
]
PlainPrefix = Annotated[
    str | None,
    typer.Option("--prefix", metavar="TEXT", help="What stands before it: sha256=", rich_help_panel=_PLAIN),
]


@offer(commands, "sign")
def sign(
    desk: Desk,
    *,
    scheme: SchemeName,
    secret_file: SecretFiles,
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
    with _usage():
        chosen = _scheme(scheme, header, encoding, prefix)
        signers = _parsed(desk, chosen, read_secrets(secret_file))
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
def verify(
    desk: Desk,
    *,
    scheme: SchemeName,
    secret_file: SecretFiles,
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
    with _usage():
        chosen = _scheme(scheme, header, encoding, prefix)
        secrets_in_use = _parsed(desk, chosen, read_secrets(secret_file))
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
def explain(
    desk: Desk,
    *,
    scheme: SchemeName,
    secret_file: SecretFiles,
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
    with _usage():
        chosen = _scheme(scheme, header, encoding, prefix)
        received, content = read_received(headers, body, request)
        explanation = explain_delivery(
            chosen,
            [*read_secrets(secret_file), *read_secrets(other_secret_file or [], in_use=False)],
            received,
            content,
            now=desk.now if at is None else at,
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


def _scheme(name: str, header: str | None, encoding: Encoding | None, prefix: str | None) -> Scheme:
    if name == "plain":
        return plain_scheme(header or "X-Signature", encoding=encoding or Encoding.HEX, prefix=prefix or "")
    if header is not None or encoding is not None or prefix is not None:
        raise UsageProblem(f"--header, --encoding and --prefix describe --scheme plain; {name} has its own.")
    return find_scheme(name)


def _parsed(desk: Desk, scheme: Scheme, texts: Sequence[SecretText]) -> list[WebhookSecret]:
    parsed = [parse_secret(scheme, text.text, secret_id=text.id, danger_short=scheme.secret_assigned) for text in texts]
    for secret in parsed:
        if secret.key is not None and len(secret.key) < SECRET_BYTES_MIN:
            desk.out.warn(
                f"The secret {secret.id} has fewer than {SECRET_BYTES_MIN} bytes: it is good for an example only."
            )
    return parsed


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

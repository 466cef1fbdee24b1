"""Where the commands that sign, verify and explain take scheme and secrets from: files, or a sender of the store.

Without `--sender` no store is opened. With it every secret of the sender is used that is not retired, each in its time;
whoever may open the store administers everything in it.
"""

from functools import partial
from pathlib import Path
from typing import Annotated, Final, NamedTuple, final

import typer

from doorward.cli.frame import Desk
from doorward.cli.problems import UsageProblem
from doorward.cli.webhooks_files import read_secrets
from doorward.errors import Misconfigured
from doorward.methods.webhook import Encoding, Scheme, WebhookSecret, find_scheme, parse_secret, plain_scheme
from doorward.methods.webhook.explain import SecretText, read_other_texts, read_texts
from doorward.methods.webhook.explain.explain import EXPLAINED_SECRETS_MAX

__all__ = [
    "PlainEncoding",
    "PlainHeader",
    "PlainPrefix",
    "SchemeName",
    "SecretFiles",
    "SenderName",
    "Source",
    "find_source",
    "parse_texts",
]

_PLAIN: Final = "Options of --scheme plain"

SenderName = Annotated[
    str | None,
    typer.Option("--sender", metavar="NAME", help="A sender of the store, instead of --scheme and --secret-file."),
]
SchemeName = Annotated[
    str | None,
    typer.Option("--scheme", metavar="NAME", help="standard, svix, stripe, github, slack, shopify, twilio or plain."),
]
SecretFiles = Annotated[
    list[Path] | None,
    typer.Option("--secret-file", metavar="FILE", help="The secret, one a line where there are several; repeatable."),
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


@final
class Source(NamedTuple):
    """How the sender signs, and with what. `others` are not the sender's, and only an explanation tries them."""

    scheme: Scheme
    texts: list[SecretText]
    others: list[SecretText]


async def find_source(
    desk: Desk,
    *,
    sender: str | None,
    scheme: str | None,
    secret_file: list[Path] | None,
    plain: tuple[str | None, Encoding | None, str | None],
    at: int,
    with_others: bool = False,
) -> Source:
    """Scheme and secrets, from wherever the command line says.

    Raises:
        UsageProblem: it says neither or both, or a file is not understood.
        Misconfigured: the store has no master key that opens them.
        Rejected: `object_unknown`.
    """
    if sender is None:
        if scheme is None or not secret_file:
            raise UsageProblem("Say how it is signed: --scheme and --secret-file, or --sender for one of the store.")
        return Source(_scheme(scheme, *plain), read_secrets(secret_file), [])
    if scheme is not None or secret_file:
        raise UsageProblem("--sender has a scheme and secrets of its own: leave --scheme and --secret-file out.")
    async with desk.store() as store:
        record, texts = await read_texts(store, sender, now=at)
        left = EXPLAINED_SECRETS_MAX - len(texts) if with_others else 0
        others = await read_other_texts(store, record, many=left)
    return Source(_scheme(record.scheme, *plain), texts, others)


def parse_texts(desk: Desk, source: Source) -> list[WebhookSecret]:
    """The sender's secrets, read as the scheme writes them.

    One that a door refuses because it can be guessed is taken where the sender makes the secrets, with a warning: the
    examples of their pages are such, and what is tried here opens nothing.

    Raises:
        UsageProblem: one cannot be read, by its id.
    """
    return [_parse(desk, source.scheme, text) for text in source.texts]


def _parse(desk: Desk, scheme: Scheme, text: SecretText) -> WebhookSecret:
    read = partial(
        parse_secret,
        scheme,
        text.text,
        secret_id=text.id,
        not_before=text.not_before,
        not_after=text.not_after,
    )
    try:
        return read()
    except Misconfigured as error:
        refused = error
    try:
        if scheme.secret_assigned:
            taken = read(danger_short=True)
            desk.out.warn(f"{refused.problem} It is good for an example only: no door takes it.")
            return taken
    except Misconfigured as error:
        refused = error
    raise UsageProblem(str(refused))


def _scheme(name: str, header: str | None, encoding: Encoding | None, prefix: str | None) -> Scheme:
    try:
        if name == "plain":
            return plain_scheme(header or "X-Signature", encoding=encoding or Encoding.HEX, prefix=prefix or "")
        if header is not None or encoding is not None or prefix is not None:
            raise UsageProblem(f"--header, --encoding and --prefix describe --scheme plain; {name} has its own.")
        return find_scheme(name)
    except Misconfigured as error:
        raise UsageProblem(str(error)) from None

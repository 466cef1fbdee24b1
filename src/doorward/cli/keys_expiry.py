"""The expiry of a key as an option: 90 days unless something else is said, and never only in that word."""

from typing import Annotated

import typer

from doorward.cli.parse import parse_expiry_s
from doorward.methods.apikey.config import EXPIRES_IN_S, NEVER, Never

__all__ = ["Expires", "expires_in_s_of"]

Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="WHEN", help="90d, 2026-12-31 (its last day) or never. Default: 90d."),
]


def expires_in_s_of(expires: str | None, now: int) -> int | Never:
    """The life of a new key in seconds."""
    if expires is None:
        return EXPIRES_IN_S
    seconds = parse_expiry_s(expires, now)
    return NEVER if seconds == "never" else seconds

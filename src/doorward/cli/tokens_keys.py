"""The keys of an issuer for a command: from a file, or over HTTP by the guarded client."""

import asyncio
from pathlib import Path
from typing import Final

from doorward.cli.output import Output
from doorward.cli.problems import UsageProblem
from doorward.crypto.jose.jwk import JWK_SET_BYTES_MAX, KeySet, UnusableKey, parse_jwk_set
from doorward.errors import Misconfigured, Unavailable

__all__ = ["read_keys"]

_SCHEMES: Final = ("https://", "http://")


async def read_keys(source: str, out: Output) -> KeySet:
    """The key set a file or a URL holds; keys that cannot be used are named on stderr.

    Raises:
        UsageProblem: it cannot be read, or is no key set.
    """
    if source.lower().startswith(_SCHEMES):
        text = await _fetch(source)
    else:
        text = await asyncio.to_thread(_read_file, Path(source))
    try:
        keys = parse_jwk_set(text)
    except UnusableKey as error:
        raise UsageProblem(f"What --jwks names holds no keys that can be used: {error.reason}.") from None
    for reason in keys.skipped:
        out.warn(f"Left out of the key set: {reason}.")
    return keys


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(JWK_SET_BYTES_MAX + 1)
    except OSError as error:
        raise UsageProblem(f"--jwks {path} cannot be read: {error.strerror or type(error).__name__}.") from None
    except ValueError:
        raise UsageProblem("--jwks is no file name.") from None


async def _fetch(url: str) -> bytes:
    from doorward.app.fetch_keys import fetch_key_set_text  # noqa: PLC0415  # the HTTP client; a file needs none

    try:
        return await fetch_key_set_text(url)
    except (Misconfigured, Unavailable) as error:
        why = error.detail if isinstance(error, Unavailable) else str(error)
        raise UsageProblem(f"--jwks cannot be fetched: {why}") from None

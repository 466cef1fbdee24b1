"""What can be said of a credential without asking any store: its form, its checksum, its public part.

The text comes from standard input, because a command line is readable by others; it is never shown again.
"""

import sys
from getpass import getpass
from typing import Final

from doorward.cli.output import Output
from doorward.cli.problems import Failed
from doorward.methods.webhook.minting import SECRET_ID_PREFIX, SECRET_LABEL
from doorward.wire.credential import ID_CHARACTERS, has_valid_checksum

__all__ = ["inspect_credential"]

_CHARACTERS_MAX: Final = 4_096
_TAIL: Final = 50
_KINDS: Final = {"live": "API key", "test": "API key", "pass": "app password", "hook": "webhook secret"}


def inspect_credential(out: Output) -> None:
    """Read one credential and say what it is.

    Raises:
        Failed: it has not the form of one, or its checksum does not fit.
    """
    presented_text = _read_secret(out).strip()
    # Not even part of a text that fails is shown: it may be a real secret with one character missing.
    if not has_valid_checksum(presented_text[:_CHARACTERS_MAX]):
        raise Failed(
            "This is no credential of Doorward: its form or its checksum does not fit. "
            "Look for a character lost at either end while copying."
        )
    prefix, label = presented_text[:-_TAIL].rstrip("_").split("_")
    public_id = presented_text[-_TAIL:][:ID_CHARACTERS]
    if label == SECRET_LABEL:
        public_id = SECRET_ID_PREFIX + public_id
    kind = _KINDS.get(label, "credential of an unknown kind")
    if out.as_json:
        environment = label if label in ("live", "test") else None
        out.json({"id": public_id, "prefix": prefix, "kind": kind, "environment": environment, "checksum": "fits"})
        return
    out.facts(
        [
            ("Kind", f"{label} {kind}" if kind == "API key" else kind),
            ("Id", public_id),
            ("Prefix", prefix),
            ("Checksum", "fits: the text is complete"),
        ]
    )
    asked = f"webhooks secrets list SENDER` has {public_id}" if label == SECRET_LABEL else f"keys show {public_id}`"
    out.note(f"Whether it opens anything only the store knows: `doorward {asked}.")


def _read_secret(out: Output) -> str:
    if sys.stdin.isatty():
        out.note("Paste it and press Enter; it is not shown.")
        return getpass("")
    return sys.stdin.read(_CHARACTERS_MAX + 1)

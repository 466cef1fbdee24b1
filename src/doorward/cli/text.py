"""Text that goes to a terminal, and times as people read them.

Names, reasons and request lines come from outside. Printed raw, an escape sequence in a name could move the cursor
over what was printed before it, set the window title, or answer a query into the shell's input; a bidirectional
override could show `revoked` as something else. So whatever is not plainly visible is shown as its escape.
"""

import re
import unicodedata
from datetime import UTC, datetime
from typing import Final

from doorward.values.spans import in_words
from doorward.wire.credential import CREDENTIAL_PATTERN, ID_CHARACTERS, TOKEN_PATTERN

__all__ = ["brief", "in_words", "moment", "printable", "relative", "without_secrets"]

# Control, format (bidirectional overrides, zero-width), surrogate, private, unassigned, line and paragraph separators.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_CREDENTIAL: Final = re.compile(CREDENTIAL_PATTERN)
_TOKEN: Final = re.compile(TOKEN_PATTERN, re.ASCII)
_SECRET_AND_CHECKSUM: Final = 38
_BRIEF: Final = {"day": "d", "hour": "h", "minute": "min", "second": "s"}


def printable(text: str) -> str:
    r"""`text` with every character that is not plainly visible written as an escape (`\x1b`, `\u202e`)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _INVISIBLE
        else character
        for character in text
    )


def without_secrets(text: str) -> str:
    """`text` with everything that has the form of one of our secrets cut down to its public part, and no signed token.

    Somebody will paste a whole key where an id belongs; the error must not repeat it into a log.
    """
    return _TOKEN.sub("<token>", _CREDENTIAL.sub(lambda found: found[0][:-_SECRET_AND_CHECKSUM] + "…", text))


assert _SECRET_AND_CHECKSUM + ID_CHARACTERS == 50, "the form of a credential has changed"


def brief(at: int, now: int) -> str:
    """`in 89 d`, `3 min ago`: for tables, ten characters at most for anything under three years."""
    count, name = in_words(abs(at - now)).split(" ")
    span = f"{count} {_BRIEF[name.removesuffix('s')]}"
    return "now" if at == now else f"in {span}" if at > now else f"{span} ago"


def relative(at: int, now: int) -> str:
    """`in 90 days`, `3 minutes ago`, `now`."""
    if at == now:
        return "now"
    return f"in {in_words(at - now)}" if at > now else f"{in_words(now - at)} ago"


def moment(at: int) -> str:
    """`2026-12-31 23:59 UTC`: minutes, because nobody reads further; `--json` has the exact second."""
    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return f"second {at}"

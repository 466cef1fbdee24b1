"""Our own key at another server, as the header that carries it. Asked for whenever it is needed, so that it may be
rotated under a process that runs.

A key that cannot be had is an outage that passes, like a server that is away: the file is missing for a moment while it
is exchanged, or half written. So it is refused as `Unavailable`, and the door it stands behind stays shut and says 503.
"""

from collections.abc import Callable
from typing import Final

from doorward.errors import Unavailable

__all__ = ["KEY_CHARACTERS_MAX", "bearer_header", "is_carriable"]

KEY_CHARACTERS_MAX: Final = 512
"""How long our key at another server may be."""


def bearer_header(key: Callable[[], str], *, unavailable: str) -> tuple[bytes, bytes]:
    """`Authorization: Bearer …`.

    Args:
        key: reads the key; the operator's own code.
        unavailable: the code of every failure.

    Raises:
        Unavailable: the key cannot be read, or no header can carry it. What was wrong with it is not told, nor its
            length: it is a secret with something else in it.
    """
    try:
        text = key()
    except Exception as error:
        # Whatever a file, a vault or a bug raises: nobody is let in by it, and nobody's request is a bug of ours.
        raise Unavailable(unavailable, f"our own key cannot be read: {type(error).__name__}") from error
    if not is_carriable(text):
        raise Unavailable(unavailable, "our own key has no form a header can carry")
    return b"authorization", b"Bearer " + text.encode("ascii")


def is_carriable(key: str) -> bool:
    """Whether a header can carry it (RFC 6750 section 2.1): visible ASCII without a space, 1 to 512 characters."""
    return 0 < len(key) <= KEY_CHARACTERS_MAX and key.isascii() and key.isprintable() and " " not in key

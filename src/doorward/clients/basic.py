"""App passwords, as a client sends them (RFC 7617): user-id and password in UTF-8, base64.

A colon would end the user-id early, and a control character is refused by the peer: both are said here.
"""

from base64 import b64encode
from typing import Final

from doorward.clients.outgoing import AuthorizationHeader, require_kind
from doorward.errors import Misconfigured

__all__ = ["PAIR_BYTES_MAX", "basic_header"]

PAIR_BYTES_MAX: Final = 6 * 1024
"""How long user-id and password may be together: in base64 they are a third longer."""


def basic_header(user_id: str, password: str) -> AuthorizationHeader:
    """The header that carries a user-id and its password.

    Args:
        user_id: the app's id, `app_…`.
        password: an app password, as it was shown when it was made.

    Raises:
        Misconfigured: a colon in the user-id, a control character, an empty half, or too long. Neither is repeated.
    """
    for half in (user_id, password):
        require_kind(half, (str,), "A user-id or password", cure="Give its text; look whether the variable is set.")
    pair = f"{user_id}:{password}"
    if not user_id or not password or ":" in user_id or not pair.isprintable() or len(pair.encode()) > PAIR_BYTES_MAX:
        raise Misconfigured(
            "The user-id and the password cannot be sent: one is empty, or holds a control character or a colon.",
            cure="Give the app's id and an app password, each as it was shown.",
        )
    return AuthorizationHeader("Basic", f"Basic {b64encode(pair.encode()).decode('ascii')}")

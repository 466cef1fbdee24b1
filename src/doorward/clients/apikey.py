"""API keys, as a client sends them: `Authorization: Bearer`, the one header that every library takes off by itself
when it is sent to another origin (RFC 9110 section 11.6.2).

A key that was not copied whole is noticed here, by its checksum, before it is refused elsewhere.
"""

from doorward.clients.outgoing import AuthorizationHeader, require_kind
from doorward.errors import Misconfigured
from doorward.wire.credential import has_valid_checksum

__all__ = ["api_key_header"]


def api_key_header(key: str) -> AuthorizationHeader:
    """The header that carries an API key.

    Args:
        key: as it was shown when it was made.

    Raises:
        Misconfigured: it has not the form of a key, or was not copied whole. The key is not repeated.
    """
    require_kind(key, (str,), "An API key", cure="Give its text; look whether the variable that holds it is set.")
    if not has_valid_checksum(key):
        raise Misconfigured(
            "The API key has not the form of one, or a character of it is missing or wrong.",
            cure="Copy it again, whole and without anything around it.",
        )
    return AuthorizationHeader("API key", f"Bearer {key}")

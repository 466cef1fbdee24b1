"""How a Basic credential travels (RFC 7617), and when it is not even read.

Rules:

* Over plain HTTP nothing is decoded and nothing compared: the password is burnt already, and an answer that depended
  on it would tell a listener whether it is any good.
* The base64 is strict (RFC 4648 section 4, canonical padding bits), the text UTF-8, without control characters. The
  first colon ends the user-id, so a user-id has none and a password may (section 2).
* The comparison of user-ids is exact: no normalisation, which would make two spellings one account.
"""

from base64 import b64decode, b64encode
from ipaddress import IPv6Address
from typing import Final, final

from doorward.errors import Rejected
from doorward.methods.contract import Presented
from doorward.values import CredentialId
from doorward.wire.authorization import parse_authorization
from doorward.wire.credential import ID_CHARACTERS, TAIL_CHARACTERS
from doorward.wire.request import RequestView

__all__ = ["LABEL", "NO_ID", "PresentedPassword", "extract_basic", "may_travel"]

LABEL: Final = "pass"
NO_ID: Final = CredentialId("")
"""Of a password that has not the form of ours: no record has this id."""

_CONTROL: Final = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))


@final
class PresentedPassword(Presented, frozen=True):
    """A user-id and a password as they came: readable, and nothing more."""

    user_id: str
    """Unverified text, ≤ 8 KiB."""
    secret: bytes
    """The whole password in UTF-8; unverified, ≤ 8 KiB."""


def extract_basic(
    request: RequestView, *, prefix: str, danger_plain_http_on_loopback: bool
) -> PresentedPassword | None:
    """The credential, or None when the request carries no Basic one.

    Raises:
        Rejected: `header_repeated`, `credential_insecure_transport`, `credential_malformed`.
    """
    value = request.value(b"authorization")
    if value is None:
        return None
    ours = value.partition(b" ")[0].lower() == b"basic"
    if ours and not may_travel(request, danger_plain_http_on_loopback=danger_plain_http_on_loopback):
        raise Rejected("credential_insecure_transport", "a Basic credential over plain HTTP")
    text = parse_authorization(value, b"basic")
    if text is None:
        return None
    user_id, colon, password = _decode(text).partition(":")
    if not colon:
        raise Rejected("credential_malformed", "no colon after the user-id")
    return PresentedPassword(_id_of(password, prefix), user_id, password.encode())


def may_travel(request: RequestView, *, danger_plain_http_on_loopback: bool) -> bool:
    """Whether a password may come the way this request came: over TLS, or from this machine where that is allowed."""
    return request.scheme == "https" or (danger_plain_http_on_loopback and _is_this_machine(request))


def _is_this_machine(request: RequestView) -> bool:
    address = request.peer.address
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    # A proxy on this machine makes the whole internet loopback; its headers give it away.
    return address is not None and address.is_loopback and not request.forwarded


def _decode(presented_text: str) -> str:
    try:
        decoded = b64decode(presented_text, validate=True)
        text = decoded.decode("utf-8")
    except ValueError:
        raise Rejected("credential_malformed", "not UTF-8 in base64") from None
    if b64encode(decoded).decode("ascii") != presented_text:
        raise Rejected("credential_malformed", "not canonical base64")
    if not _CONTROL.isdisjoint(text):
        raise Rejected("credential_malformed", "control characters in the credential")
    return text


def _id_of(password: str, prefix: str) -> CredentialId:
    head = f"{prefix}_{LABEL}_"
    tail = password.removeprefix(head)
    if not password.startswith(head) or len(tail) != TAIL_CHARACTERS or not (tail.isascii() and tail.isalnum()):
        return NO_ID
    return CredentialId(tail[:ID_CHARACTERS])

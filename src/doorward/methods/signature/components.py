"""The parts of a request a signature may cover, and the exact text of each (RFC 9421 section 2).

Rules:

* Text is taken as received: nothing is decoded, no path is tidied. `//`, `..`, `%2F` and `%2f` are what they are; only
  the authority's case and default port and the empty path are normalised (sections 2.2.3 and 2.2.6).
* What the host is, the rule for trusted hops says (`Message.authority`). A target in absolute form must name the same
  one: a proxy that looks at the target and an application that looks at `Host` would serve two different things.
* A part that is not there, or that two readers may read differently, is refused: it cannot be signed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, TypeAlias, final
from urllib.parse import quote, unquote_to_bytes

import msgspec
from msgspec.structs import force_setattr

from doorward.errors import Rejected
from doorward.methods.signature.config import QUERY_PARAMETERS_MAX, STRUCTURED_BYTES_MAX
from doorward.wire.request import Header, RequestView, index_headers
from doorward.wire.structured import Member, scan_dictionary

__all__ = ["DERIVED", "Message", "Resolver", "message_of", "query_parameter", "refuse_component"]

_AUTHORITY_BYTES_MAX: Final = 260
# RFC 3986 section 3.2 without user information, which names no host and has no business in a request (RFC 9110, 4.2.4).
_AUTHORITY: Final = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z._~!$&'()*+,;=%-]{1,253})(?::([0-9]{0,5}))?")
_ABSOLUTE: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?]*)([^?]*)(\?.*)?", re.DOTALL)
_METHOD: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_USUAL_METHODS: Final = {name: name.encode("ascii") for name in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")}
# As numbers: looking for a number in bytes costs a tenth of looking for bytes in them.
_HASH: Final = ord("#")
_SPACE: Final = ord(" ")
_TAB: Final = ord("\t")
_DEFAULT_PORTS: Final = {"http": b"80", "https": b"443"}


def refuse_component(what: str) -> Rejected:
    """The refusal for a part that cannot be had. `what` holds no bytes of the request."""
    return Rejected("signature_component", what)


@final
class _Structured:
    """A structured field that was read: its length, and its members once they are asked for."""

    __slots__ = ("length", "members")

    def __init__(self, length: int) -> None:
        self.length: Final = length
        self.members: dict[str, Member] | None = None


@final
class Message(msgspec.Struct, frozen=True, kw_only=True, eq=False, gc=False):
    """A request as it is signed.

    Args:
        method: as received; its case counts.
        target: the request target as received.
        scheme: `http` or `https`, by the rule for trusted hops.
        authority: the host and port the client asked for, by the same rule; None when there is none.
        headers: (lower-case name, raw value) in order, duplicates kept.
        by_name: `index_headers(headers)` where somebody has made it already.
    """

    method: str
    target: bytes
    scheme: str
    authority: bytes | None
    headers: Sequence[Header]
    by_name: Mapping[bytes, bytes] | None = None
    _parts: tuple[bytes, bytes] | None = None
    _parameters: dict[str, list[str]] | None = None
    _structured: dict[bytes, _Structured] | None = None

    def __post_init__(self) -> None:
        if self.by_name is None:
            force_setattr(self, "by_name", index_headers(self.headers))

    def __repr__(self) -> str:
        # Headers and query hold secrets.
        return f"Message({self.method!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return [("method", self.method)]

    def lines(self, name: bytes) -> list[bytes]:
        """All lines of a header, in order; `name` in lower case."""
        if self.by_name is not None:
            value = self.by_name.get(name)
            return [] if value is None else [value]
        return [value for key, value in self.headers if key == name]

    def has(self, name: bytes) -> bool:
        """Whether a header is there; `name` in lower case."""
        return name in self.by_name if self.by_name is not None else bool(self.lines(name))

    @property
    def announces_body(self) -> bool:
        """Whether the message says that it has a body (RFC 9112 section 6.3)."""
        by_name = self.by_name
        if by_name is not None:
            return by_name.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in by_name
        return bool(self.lines(b"transfer-encoding")) or any(
            value.strip(b" \t") != b"0" for value in self.lines(b"content-length")
        )

    @property
    def parts(self) -> tuple[bytes, bytes]:
        """Path, and query with its question mark; split once.

        Raises:
            Rejected: `signature_component`.
        """
        parts = self._parts
        if parts is None:
            parts = _split_target(self)
            force_setattr(self, "_parts", parts)
        return parts

    def read_structured(self, name: bytes, value: bytes) -> bytes:
        """`value`, the text of the structured field `name`: all that are read, together, have a length.

        Raises:
            Rejected: `signature_component`.
        """
        read = self._structured
        if read is None:
            read = {}
            force_setattr(self, "_structured", read)
        if name not in read:
            read[name] = _Structured(len(value))
            if sum(one.length for one in read.values()) > STRUCTURED_BYTES_MAX:
                raise refuse_component("the structured fields that are covered are too long")
        return value

    def scan_members(self, name: bytes, value: bytes) -> dict[str, Member]:
        """The members of the dictionary `value`, the text of the field `name`, by their keys; scanned once.

        Raises:
            Rejected: `signature_component`: it is none, too long, or a key comes twice in it.
        """
        self.read_structured(name, value)
        assert self._structured is not None, "it was just noted there"
        read = self._structured[name]
        if read.members is None:
            found = scan_dictionary(value)
            read.members = {member.key: member for member in found}
            if len(read.members) < len(found):
                # The specification takes the last (RFC 9651 section 4.2.2), and a reader who takes the first is told
                # that it was signed.
                raise refuse_component("a key of a covered dictionary comes twice")
        return read.members

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The values of every query parameter by its name, both as section 2.2.8 writes them; parsed once.

        Raises:
            Rejected: `signature_component`.
        """
        parameters = self._parameters
        if parameters is None:
            parameters = _parse_query(self.parts[1][1:])
            force_setattr(self, "_parameters", parameters)
        return parameters


def message_of(request: RequestView, authority: bytes | None) -> Message:
    """A request at a door. `authority` is the host by the rule for trusted hops (`Hop.host`)."""
    return Message(
        method=request.method,
        target=request.raw_target,
        scheme=request.scheme,
        authority=authority,
        headers=request.headers,
        by_name=request.by_name,
    )


@lru_cache(maxsize=1024)
def _normal_authority(authority: bytes, scheme: str) -> bytes:
    matched = _AUTHORITY.fullmatch(authority) if len(authority) <= _AUTHORITY_BYTES_MAX else None
    if matched is None:
        raise refuse_component("the authority is no host and port")
    host, port = matched.groups()
    if not port or port == _DEFAULT_PORTS.get(scheme):
        return host.lower()
    return b"%b:%b" % (host.lower(), port)


def _authority(message: Message) -> bytes:
    if message.authority is None:
        raise refuse_component("there is no authority")
    authority = _normal_authority(message.authority, message.scheme)
    if not message.target.startswith((b"/", b"*")):
        # The target may name a host itself, and it must be the same one.
        _ = message.parts
    return authority


def _checked_target(message: Message) -> bytes:
    target = message.target
    # That it is printable ASCII is seen with the rest of the base. A fragment is never sent, and what stands behind one
    # is read by some and not by others; a space ends a target.
    if _HASH in target or _SPACE in target or _TAB in target:
        raise refuse_component("the target has a space or a fragment")
    return target


def _split_target(message: Message) -> tuple[bytes, bytes]:
    target = _checked_target(message)
    if target.startswith(b"/"):
        path, _, query = target.partition(b"?")
        return path, b"?" + query
    matched = _ABSOLUTE.fullmatch(target)
    if matched is None:
        # `*` and the authority form (RFC 9112 section 3.2) have no path.
        raise refuse_component("the target has no path")
    scheme, host, path, query = matched.groups()
    if scheme.lower() != message.scheme.encode("ascii") or message.authority is None:
        raise refuse_component("the target names another scheme than the connection")
    if _normal_authority(host, message.scheme) != _normal_authority(message.authority, message.scheme):
        raise refuse_component("the target names another host than the request")
    return path or b"/", query or b"?"


def _parse_query(query: bytes) -> dict[str, list[str]]:
    # The parser of application/x-www-form-urlencoded, then its serialiser with %20 for a space (section 2.2.8).
    pieces = [piece for piece in query.split(b"&") if piece]
    if len(pieces) > QUERY_PARAMETERS_MAX:
        raise refuse_component("too many query parameters")
    found: dict[str, list[str]] = {}
    for piece in pieces:
        name, _, value = piece.partition(b"=")
        found.setdefault(_spell(name), []).append(_spell(value))
    return found


def _spell(presented_text: bytes) -> str:
    decoded = unquote_to_bytes(presented_text.replace(b"+", b" "))
    try:
        text = decoded.decode("utf-8")
    except UnicodeDecodeError:
        # The URL standard puts U+FFFD there: then many values would be signed by one signature.
        raise refuse_component("a query parameter is not UTF-8") from None
    return quote(text, safe="*-._").replace("~", "%7E")


def query_parameter(name: str) -> "Resolver":
    """The value of one query parameter (section 2.2.8); `name` as the signature writes it."""

    def resolve(message: Message) -> bytes:
        values = message.parameters.get(name, [])
        if len(values) != 1:
            # One of two values: the application may take the other.
            raise refuse_component("a covered query parameter is absent, or comes twice")
        return values[0].encode("ascii")

    return resolve


def _method(message: Message) -> bytes:
    usual = _USUAL_METHODS.get(message.method)
    if usual is not None:
        return usual
    if _METHOD.fullmatch(message.method) is None:
        raise refuse_component("the method is not a token")
    return message.method.encode("ascii")


def _target_uri(message: Message) -> bytes:
    authority = _authority(message)
    _ = message.parts
    if not message.target.startswith(b"/"):
        return message.target
    return b"%b://%b%b" % (message.scheme.encode("ascii"), authority, message.target)


Resolver: TypeAlias = Callable[[Message], bytes]
"""What gives the value of a component, or raises `Rejected("signature_component")`."""

DERIVED: Final[dict[str, Resolver]] = {
    "@method": _method,
    "@target-uri": _target_uri,
    "@authority": _authority,
    "@scheme": lambda message: message.scheme.lower().encode("ascii"),
    "@request-target": _checked_target,
    "@path": lambda message: message.parts[0],
    "@query": lambda message: message.parts[1],
}
"""The derived components of requests without parameters (section 2.2); `@status` belongs to responses."""

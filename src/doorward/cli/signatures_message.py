"""A request as a file: one raw HTTP/1.1 message (RFC 9112), and the keys beside it.

Rules:

* Lines may end in LF alone: people write such files in editors. Nothing else is tidied: a folded line stays folded,
  a repeated header repeated, the target is as it stands.
* The body is what `Content-Length` says, or the chunks, or else all that follows the empty line. One line end more than
  `Content-Length` says is the editor's.
* The message is untrusted: what is wrong with it is `Rejected`. The keys are the operator's: what is wrong with them is
  a usage problem, and they are never shown.
"""

import re
import sys
from pathlib import Path
from typing import Final, NamedTuple

from doorward.cli.problems import UsageProblem
from doorward.crypto.registered_keys import UnusableKey
from doorward.crypto.signature_keys import JsonKey, parse_json_keys
from doorward.crypto.signature_pem import is_pem, parse_pem_key
from doorward.crypto.signatures import SignatureAlgorithm
from doorward.errors import Misconfigured, Rejected
from doorward.methods.signature import Message
from doorward.wire.request import Header

__all__ = ["HEADERS_MAX", "REQUEST_BYTES_MAX", "RawRequest", "parse_request", "read_keys", "read_request"]

REQUEST_BYTES_MAX: Final = 64 * 1024 * 1024
"""How long a request in a file may be, its body included."""
HEADERS_MAX: Final = 1_000
"""How many lines of headers it may have."""
KEY_ID_CHARACTERS_MAX: Final = 256
"""How long the id of a key in PEM may be."""
_STANDARD_INPUT: Final = Path("-")
_KEYS_BYTES_MAX: Final = 4 * 1024 * 1024

_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ([^ \t\r]+) HTTP/[0-9](?:\.[0-9])?")
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_ABSOLUTE: Final = re.compile(rb"(https?)://([^/?#]*)", re.IGNORECASE)
_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[^\r\n]*)?\r?\n")


class RawRequest(NamedTuple):
    """A request and its content: without transfer coding, with any content coding."""

    message: Message
    body: bytes


def read_request(path: Path | None, *, scheme: str) -> RawRequest:
    """The request in a file, or on standard input.

    Args:
        path: None or `-`: standard input.
        scheme: what it came by, `http` or `https`; a target in absolute form says so itself.

    Raises:
        UsageProblem: there is no such file, or it is too large.
        Rejected: `request_malformed`, `header_repeated`: it is no HTTP request.
    """
    if scheme not in ("http", "https"):
        raise UsageProblem("--scheme is http or https.")
    from_stdin = path is None or path == _STANDARD_INPUT
    raw = _read_stdin() if path is None or from_stdin else _read_file(path, REQUEST_BYTES_MAX)
    if not raw.strip():
        where = "Nothing came on standard input" if from_stdin else f"{path} is empty"
        raise UsageProblem(f"{where}: give the whole request, from its first line on, or its parts with --headers.")
    return parse_request(raw, scheme=scheme)


def _read_stdin() -> bytes:
    stream = getattr(sys.stdin, "buffer", None)
    raw = sys.stdin.read(REQUEST_BYTES_MAX + 1).encode() if stream is None else stream.read(REQUEST_BYTES_MAX + 1)
    if len(raw) > REQUEST_BYTES_MAX:
        raise UsageProblem(f"The request is longer than {REQUEST_BYTES_MAX // 2**20} MiB.")
    return bytes(raw)


def _read_file(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(bytes_max + 1)
    except OSError as error:
        raise UsageProblem(f"{path} cannot be read: {error.strerror}.") from None
    if len(raw) > bytes_max:
        raise UsageProblem(f"{path} is longer than {bytes_max // 2**20} MiB.")
    return raw


def read_keys(
    path: Path, *, key_id: str | None = None, algorithm: SignatureAlgorithm | None = None
) -> dict[str, JsonKey]:
    """The keys of a JWK set in a file, by their ids; or the one key of a PEM file.

    Args:
        path: the file.
        key_id: by which the key of a PEM file is known; of a JWK set it is not asked.
        algorithm: what a key in PEM is used with, where its kind leaves that open.

    Raises:
        UsageProblem: there is no such file, it is no JWK set, or holds no key that signs.
    """
    text = _read_file(path, _KEYS_BYTES_MAX)
    if is_pem(text):
        return _pem_key(path, text, key_id, algorithm)
    if algorithm is not None:
        raise UsageProblem("--algorithm is for a key in PEM: a JWK says its own.")
    try:
        keys = parse_json_keys(text)
    except Misconfigured as error:
        raise UsageProblem(str(error)) from None
    if not keys:
        raise UsageProblem(f"{path} holds no key for signatures: oct, OKP Ed25519, EC P-256 or P-384, or RSA.")
    return keys


def _pem_key(path: Path, text: bytes, key_id: str | None, algorithm: SignatureAlgorithm | None) -> dict[str, JsonKey]:
    if key_id is None:
        raise UsageProblem(f"{path} is PEM, which says no id: give the one the key is known by with --key-id.")
    if not 0 < len(key_id) <= KEY_ID_CHARACTERS_MAX or not (key_id.isascii() and key_id.isprintable()):
        raise UsageProblem(f"--key-id has 1 to {KEY_ID_CHARACTERS_MAX} printable ASCII characters.")
    try:
        return {key_id: parse_pem_key(text, key_id, algorithm=algorithm)}
    except UnusableKey as error:
        raise UsageProblem(f"{path} cannot be used: {error.reason}.") from None


def _malformed(what: str) -> Rejected:
    return Rejected("request_malformed", what)


def parse_request(raw: bytes, *, scheme: str) -> RawRequest:
    """A raw request. Raises: as `read_request`."""
    lines, position = _head(raw)
    matched = _REQUEST_LINE.fullmatch(lines[0]) if lines else None
    if matched is None:
        raise _malformed("the first line is no request line")
    headers = _headers(lines[1:])
    method, target = matched.groups()
    absolute = _ABSOLUTE.match(target)
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        raise Rejected("header_repeated", "host")
    authority = hosts[0] if hosts else None
    if absolute is not None:
        scheme = absolute[1].decode("ascii").lower()
        authority = absolute[2] if authority is None else authority
    message = Message(method=method.decode("ascii"), target=target, scheme=scheme, authority=authority, headers=headers)
    return RawRequest(message, _body(message, raw[position:]))


def _head(raw: bytes) -> tuple[list[bytes], int]:
    """The lines before the empty one, without their ends, and where the body begins."""
    lines: list[bytes] = []
    position = 0
    while position < len(raw):
        end = raw.find(b"\n", position)
        end = len(raw) if end < 0 else end
        line = raw[position:end].removesuffix(b"\r")
        position = end + 1
        if line:
            lines.append(line)
        elif lines:
            # Empty lines before the first are ignored (RFC 9112 section 2.2).
            break
        if len(lines) > HEADERS_MAX + 1:
            raise _malformed(f"there are more than {HEADERS_MAX} lines of headers")
    return lines, position


def _headers(lines: list[bytes]) -> tuple[Header, ...]:
    found: list[Header] = []
    for line in lines:
        if line[:1] in (b" ", b"\t"):
            if not found:
                raise _malformed("the first header is folded")
            name, value = found.pop()
            found.append((name, value + b"\r\n" + line))
            continue
        name, colon, value = line.partition(b":")
        if not colon or _NAME.fullmatch(name) is None:
            raise _malformed("a line is no header")
        found.append((name.lower(), value.strip(b" \t")))
    return tuple(found)


def _body(message: Message, rest: bytes) -> bytes:
    codings, lengths = message.lines(b"transfer-encoding"), message.lines(b"content-length")
    if codings and lengths:
        # RFC 9112 section 6.3: what one reader takes for the body is the next request to another.
        raise _malformed("there is a Transfer-Encoding and a Content-Length")
    if codings:
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise _malformed("a transfer coding other than chunked")
        return _unchunked(rest)
    if not lengths:
        return rest
    if len(set(lengths)) != 1 or re.fullmatch(rb"[0-9]{1,15}", lengths[0]) is None:
        raise _malformed("the Content-Length is not one number")
    length = int(lengths[0])
    if len(rest) < length or rest[length:] not in (b"", b"\n", b"\r\n"):
        raise _malformed(f"the body has {len(rest)} bytes, and Content-Length says {length}")
    return rest[:length]


def _unchunked(rest: bytes) -> bytes:
    pieces: list[bytes] = []
    position = 0
    while True:
        matched = _CHUNK.match(rest, position)
        if matched is None:
            raise _malformed("a chunk has no size")
        size, begin = int(matched[1], 16), matched.end()
        if size == 0:
            return b"".join(pieces)
        end = re.compile(rb"\r?\n").match(rest, begin + size)
        if end is None:
            raise _malformed("a chunk is cut off, or longer than it says")
        pieces.append(rest[begin : begin + size])
        position = end.end()

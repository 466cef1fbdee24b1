"""What proxies and frameworks do to method, scheme, authority, path and query, undone.

What is told of them comes out of headers anybody may write: nothing is repeated that is not plainly a name or a path.
"""

import re
from collections.abc import Iterator
from itertools import permutations
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from doorward.methods.explaining import Change
from doorward.methods.signature.components import Message
from doorward.methods.signature.explain.pieces import Alternative, Pieces

__all__ = ["authorities", "target_alternatives"]

TARGET_BYTES_MAX: Final = 4_096
"""How long a target may be for its variants to be tried."""

_PERMUTED_PARAMETERS_MAX: Final = 4
_HOST_HEADERS: Final = (b"x-forwarded-host", b"x-original-host", b"x-forwarded-server", b"host")
_PREFIX_HEADERS: Final = (b"x-forwarded-prefix", b"x-script-name")
_TARGET_HEADERS: Final = (b"x-original-uri", b"x-original-url", b"x-rewrite-url", b"x-forwarded-uri")
_USUAL_PREFIXES: Final = (b"/api", b"/v1", b"/v2", b"/api/v1", b"/app", b"/service")
_HOST: Final = re.compile(rb"[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?")
_PREFIX: Final = re.compile(rb"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")
_FORWARDED_HOST: Final = re.compile(rb"host=\"?([A-Za-z0-9.:-]{1,260})\"?", re.IGNORECASE)
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_SAFE_PATH: Final = "/:@!$&'()*+,;=-._~"

_HOST_CURE: Final = (
    "Let the proxy pass the host on as it came (nginx: `proxy_set_header Host $host;`), or send it in "
    "X-Forwarded-Host and list the proxy among the trusted hops."
)
_SCHEME_CURE: Final = "Let the proxy send X-Forwarded-Proto and list it among the trusted hops."
_PATH_CURE: Final = (
    "Let the proxy pass the target on as it came (nginx: `proxy_pass` without a path), or let the sender sign what the "
    "application sees."
)
_METHOD_CURE: Final = "Let the method pass as it came, and sign it as it is sent: its case counts."


def target_alternatives(message: Message, pieces: Pieces) -> dict[str, list[Alternative]]:
    """Other values of each piece of the target, the likeliest first; none for a target that is too long."""
    if len(message.target) > TARGET_BYTES_MAX:
        return {}
    found = {
        "authority": _distinct("authority", pieces, _authorities(message, pieces)),
        "scheme": _distinct("scheme", pieces, _schemes(pieces)),
        "path": _distinct("path", pieces, _paths(message, pieces)),
        "query": _distinct("query", pieces, _queries(message, pieces)),
        "method": _distinct("method", pieces, _methods(pieces)),
    }
    return {name: alternatives for name, alternatives in found.items() if alternatives}


def authorities(message: Message, pieces: Pieces) -> list[bytes]:
    """Hosts the sender may have meant."""
    return [value for value, _ in _authorities(message, pieces)]


_CURES: Final = {
    "authority": _HOST_CURE,
    "scheme": _SCHEME_CURE,
    "path": _PATH_CURE,
    "query": _PATH_CURE,
    "method": _METHOD_CURE,
}


def _distinct(piece: str, pieces: Pieces, values: Iterator[tuple[bytes, str]]) -> list[Alternative]:
    found: dict[bytes, Alternative] = {}
    for value, words in values:
        if value != pieces[piece] and value not in found:
            found[value] = Alternative(Change(f"target.{piece}", words, _CURES[piece]), ((piece, value),))
    return list(found.values())


def _header_values(message: Message, names: tuple[bytes, ...]) -> Iterator[tuple[str, bytes]]:
    for name in names:
        for value in message.lines(name)[:2]:
            yield name.decode("ascii"), value[:TARGET_BYTES_MAX].strip()


def _methods(pieces: Pieces) -> Iterator[tuple[bytes, str]]:
    method = pieces["method"]
    yield method.lower(), "the method is in lower case"
    yield method.upper(), "the method is in upper case"
    for other in (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE"):
        yield other, f"the method is {other.decode('ascii')}"


def _schemes(pieces: Pieces) -> Iterator[tuple[bytes, str]]:
    other = b"http" if pieces["scheme"] == b"https" else b"https"
    yield other, f"the scheme is {other.decode('ascii')}"


def _authorities(message: Message, pieces: Pieces) -> Iterator[tuple[bytes, str]]:
    hosts = [value.partition(b",")[0].strip() for _, value in _header_values(message, _HOST_HEADERS)]
    hosts += [match[1] for line in message.lines(b"forwarded")[:2] for match in _FORWARDED_HOST.finditer(line[:1_024])]
    named = [host for host in hosts if _HOST.fullmatch(host)]
    yield from ((host, f"the authority is {host.decode('ascii')}") for host in named)
    ports = [value for _, value in _header_values(message, (b"x-forwarded-port",)) if value.isdigit()][:1]
    for host in dict.fromkeys((pieces["authority"], *named)):
        bare, colon, _ = host.rpartition(b":")
        bare = bare if colon and _HOST.fullmatch(host) else host
        shown = f"the authority is {bare.decode('ascii')}" if _HOST.fullmatch(bare) else "the authority is as received"
        yield bare, f"{shown}, without a port"
        for port in (*ports, b"443", b"80", b"8080", b"8443"):
            yield b"%b:%b" % (bare, port), f"{shown}:{port.decode('ascii')}"
        yield bare.lower(), f"{shown}, in lower case"


def _paths(message: Message, pieces: Pieces) -> Iterator[tuple[bytes, str]]:
    path = pieces["path"]
    for name, value in _header_values(message, _TARGET_HEADERS):
        yield _path_of(value), f"the path is that of the {name} header"
    prefixes = [value.rstrip(b"/") for _, value in _header_values(message, _PREFIX_HEADERS)]
    for prefix in (*filter(_PREFIX.fullmatch, prefixes), *_USUAL_PREFIXES):
        yield prefix + path, f"the path has {prefix.decode('ascii')} before it"
    without = path[path.find(b"/", 1) :] if path.find(b"/", 1) > 0 else b"/"
    yield without, "the path is without its first part"
    yield (path.rstrip(b"/") if path.endswith(b"/") else path + b"/"), _slash_words(path)
    yield re.sub(rb"/{2,}", b"/", path), "the path has single slashes"
    for respelled, words in _respelled(path, _SAFE_PATH):
        yield respelled, f"the path {words}"
    yield path.lower(), "the path is in lower case"


def _path_of(value: bytes) -> bytes:
    target = re.sub(rb"^[a-z]{1,5}://[^/?]*", b"", value)
    return target.partition(b"?")[0] or b"/"


def _slash_words(path: bytes) -> str:
    return "the path has no slash at its end" if path.endswith(b"/") else "the path has a slash at its end"


def _respelled(text: bytes, safe: str) -> Iterator[tuple[bytes, str]]:
    yield _ESCAPE.sub(lambda match: match[0].upper(), text), "has its escapes in upper case"
    yield _ESCAPE.sub(lambda match: match[0].lower(), text), "has its escapes in lower case"
    decoded = unquote_to_bytes(text)
    yield decoded, "is not escaped"
    yield quote(decoded, safe=safe).encode("ascii"), "is escaped where it must be, and nowhere else"
    yield quote(decoded, safe="/=&").encode("ascii"), "is escaped wherever it can be"
    yield quote(text, safe=safe + "?").encode("ascii"), "is escaped twice"


def _queries(message: Message, pieces: Pieces) -> Iterator[tuple[bytes, str]]:
    query = pieces["query"]
    text = query[1:]
    for name, value in _header_values(message, _TARGET_HEADERS):
        mark, rest = value.partition(b"?")[1:]
        yield mark + rest, f"the query is that of the {name} header"
    yield b"", "there is no query"
    if not text:
        yield b"?", "there is an empty query after a question mark"
        return
    yield b"?" + text.replace(b"+", b"%20"), "the query has %20 for +"
    yield b"?" + text.replace(b"%20", b"+"), "the query has + for %20"
    fields = text.split(b"&")
    yield b"?" + b"&".join(sorted(fields)), "the query is sorted"
    for order in permutations(fields) if len(fields) <= _PERMUTED_PARAMETERS_MAX else [tuple(reversed(fields))]:
        yield b"?" + b"&".join(order), "the query is in another order"
    yield b"?" + b"&".join(field for field in fields if field), "the query has no empty parts"
    for dropped in range(len(fields)) if len(fields) <= 16 else ():
        kept = fields[:dropped] + fields[dropped + 1 :]
        yield (b"?" + b"&".join(kept) if kept else b""), "the query is without one of its parameters"
    yield b"?" + b"&".join(field.removesuffix(b"=") for field in fields), "the query has no = after an empty value"
    for respelled, words in _respelled(text, "&=" + _SAFE_PATH.replace("+", "")):
        yield b"?" + respelled, f"the query {words}"

"""The URL as the sender may have it, where it is signed: what proxies do to scheme, host, port, path and query."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations, product
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from doorward.methods.explaining.change import Change, Variant
from doorward.methods.explaining.work import STEP_UNITS, Work
from doorward.methods.webhook.explain.moments import Frame
from doorward.methods.webhook.explain.spelling import header_values
from doorward.methods.webhook.message import url_body_digest
from doorward.methods.webhook.schemes import Part, Scheme
from doorward.wire.request import Header

__all__ = ["url_frames"]

URL_CHARACTERS_MAX: Final = 4_096
"""How long a URL may be for its variants to be tried."""
URL_CHANGES_MAX: Final = 4
"""How many parts of a URL may be other at a time: a proxy changes scheme, host, port and path in one go."""
FRAMES_UNITS_MAX: Final = 150_000_000
"""How much of the work of an explanation goes into making URLs."""

_CHARACTER_UNITS: Final = 20

_HOST_HEADERS: Final = ("x-forwarded-host", "x-original-host", "host")
_PREFIX_HEADERS: Final = ("x-forwarded-prefix", "x-script-name")
_PATH_HEADERS: Final = ("x-original-uri", "x-original-url", "x-rewrite-url", "x-forwarded-uri")
_USUAL_PREFIXES: Final = ("/api", "/v1", "/api/v1", "/webhooks", "/webhook", "/hooks", "/hook", "/app")
_PERMUTED_FIELDS_MAX: Final = 4
# What is told comes out of headers anybody may write: nothing is repeated that is not plainly a name.
_HOST: Final = re.compile(r"[A-Za-z0-9.-]{1,253}")
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")
_CURE: Final = (
    "Verify with the URL the sender calls: configure it, or let the proxy pass scheme, host and path on and list the "
    "proxy among the trusted hops."
)


class _Piece(NamedTuple):
    value: str
    words: str = ""
    """Empty for what was received."""


def url_frames(scheme: Scheme, headers: Sequence[Header], url: str, work: Work) -> Iterator[Variant[Frame]]:
    """What is signed before the form, for the URL as received first; as many as can be paid for."""
    seen: set[str] = set()
    paid = 0
    # A digest in the URL stands for a body that is no form; which of both was meant is for the signature to say.
    is_form = any(b"form-urlencoded" in value.lower() for value in header_values(headers, "content-type"))
    for candidate, words in _candidates(headers, url):
        # All of them are kept while bodies are tried with them: a part of what there is, and the rest for the trying.
        units = STEP_UNITS + _CHARACTER_UNITS * len(candidate)
        paid += units
        if paid > FRAMES_UNITS_MAX or not work.take(units):
            return
        if candidate in seen:
            continue
        seen.add(candidate)
        before = candidate.encode("utf-8", "replace")
        change = Change("url", f"the URL has {' and '.join(words)}", _CURE)
        digest = url_body_digest(before)
        changes = (change,) if words else ()
        if digest is not None:
            yield Variant(Frame(before, body_digest=digest), changes)
        if digest is None or is_form:
            yield Variant(Frame(before, of_form=Part.FORM in scheme.signed), changes)


def _candidates(headers: Sequence[Header], url: str) -> Iterator[tuple[str, list[str]]]:
    yield url, []
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return
    if len(url) > URL_CHARACTERS_MAX or parts.hostname is None:
        return
    pieces = [
        _schemes(parts),
        _hosts(headers, parts),
        _ports(port),
        _paths(headers, parts),
        _queries(headers, parts),
    ]
    for changes in range(1, URL_CHANGES_MAX + 1):
        for other in combinations(range(len(pieces)), changes):
            # The first of each is what was received.
            chosen = (piece[1:] if place in other else piece[:1] for place, piece in enumerate(pieces))
            for scheme, host, with_port, path, query in product(*chosen):
                words = [piece.words for piece in (scheme, host, with_port, path, query) if piece.words]
                netloc = host.value + (f":{with_port.value}" if with_port.value else "")
                yield urlunsplit((scheme.value, netloc, path.value, query.value, parts.fragment)), words


def _schemes(parts: SplitResult) -> list[_Piece]:
    other = "http" if parts.scheme == "https" else "https"
    return [_Piece(parts.scheme), _Piece(other, f"the scheme {other}")]


def _hosts(headers: Sequence[Header], parts: SplitResult) -> list[_Piece]:
    received = (parts.netloc.rpartition("@")[2]).rpartition(":")[0] if parts.port is not None else parts.netloc
    found = {received: _Piece(received)}
    for name in _HOST_HEADERS:
        for value in header_values(headers, name)[:2]:
            host = value[:255].decode("latin-1").strip().partition(",")[0]
            bare = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
            if _HOST.fullmatch(bare):
                found.setdefault(bare, _Piece(bare, f"the host {bare}"))
    lower = received.lower()
    found.setdefault(lower, _Piece(lower, "the host in lower case"))
    return list(found.values())


def _ports(port: int | None) -> list[_Piece]:
    found = [_Piece("" if port is None else str(port))]
    if port is not None:
        found.append(_Piece("", "no port"))
    return [
        *found,
        *(_Piece(usual, f"the port {usual}") for usual in ("443", "80", "8080", "8443") if usual != str(port)),
    ]


def _paths(headers: Sequence[Header], parts: SplitResult) -> list[_Piece]:
    path = parts.path
    found = {path: _Piece(path)}
    for name in _PATH_HEADERS:
        for value in header_values(headers, name)[:2]:
            original = _path_of(value[:2_048].decode("latin-1").strip())
            if original:
                found.setdefault(original, _Piece(original, f"the path of the {name} header"))
    prefixes = [
        value[:255].decode("latin-1").strip().rstrip("/")
        for name in _PREFIX_HEADERS
        for value in header_values(headers, name)[:2]
    ]
    for prefix in (*filter(_PREFIX.fullmatch, prefixes), *_USUAL_PREFIXES):
        found.setdefault(prefix + path, _Piece(prefix + path, f"the prefix {prefix} before its path"))
    without = path[path.find("/", 1) :] if path.find("/", 1) > 0 else "/"
    found.setdefault(without, _Piece(without, "its path without the first part"))
    slashed = path.rstrip("/") if path.endswith("/") else f"{path}/"
    found.setdefault(slashed, _Piece(slashed, "no slash at its end" if path.endswith("/") else "a slash at its end"))
    single = path.replace("//", "/")
    found.setdefault(single, _Piece(single, "single slashes"))
    found.setdefault(unquote(path), _Piece(unquote(path), "its path unescaped"))
    return list(found.values())


def _path_of(presented_target: str) -> str:
    """The path of a target or a URL from a header anybody may write; empty when it has none."""
    if presented_target.startswith("//"):
        return ""
    try:
        return urlsplit(presented_target).path
    except ValueError:
        # `http://[`: a host that is none.
        return ""


def _queries(headers: Sequence[Header], parts: SplitResult) -> list[_Piece]:
    query = parts.query
    found = {query: _Piece(query)}
    fields = query.split("&") if query else []
    orders = permutations(fields) if len(fields) <= _PERMUTED_FIELDS_MAX else (sorted(fields), reversed(fields))
    for order in orders:
        text = "&".join(order)
        found.setdefault(text, _Piece(text, "its query in another order"))
    for name in _PATH_HEADERS:
        for value in header_values(headers, name)[:2]:
            original = value[:2_048].decode("latin-1").strip().partition("?")[2]
            found.setdefault(original, _Piece(original, f"the query of the {name} header"))
    for text, words in (
        ("", "no query"),
        (unquote(query), "its query unescaped"),
        (query.replace("+", "%20"), "%20 for +"),
    ):
        found.setdefault(text, _Piece(text, words))
    return list(found.values())

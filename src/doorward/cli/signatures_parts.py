"""A request given in parts: the headers and the body in files of their own, the method and the URL in words.

That is how a log, a proxy or a program has it; whoever has the whole message gives it as one (`signatures_message.py`).

Rules:

* The header file counts as received: a folded line stays folded, a repeated header repeated.
* The host is the Host header's where there is one. A URL that names another one is asked about, not guessed at.
* A body nothing frames has the length it has: without Content-Length a verifier would take it for none.
"""

import re
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from doorward.cli.problems import UsageProblem
from doorward.cli.signatures_message import HEADERS_MAX, RawRequest, read_request
from doorward.cli.webhooks_files import read_body, read_headers
from doorward.errors import Rejected
from doorward.methods.signature import Message

__all__ = ["BodyFile", "HeaderFile", "Method", "Parts", "Url", "read_asked"]

_PARTS: Final = "A request in parts, instead of --request"

HeaderFile = Annotated[
    Path | None,
    typer.Option("--headers", metavar="FILE", help="Its headers, `Name: value` lines.", rich_help_panel=_PARTS),
]
BodyFile = Annotated[
    Path | None,
    typer.Option(
        "--body",
        metavar="FILE",
        help="Its body, byte for byte; - is standard input. Default: it has none.",
        rich_help_panel=_PARTS,
    ),
]
Method = Annotated[
    str | None,
    typer.Option(
        "--method", metavar="NAME", help="Its method. Default: POST with --body, else GET.", rich_help_panel=_PARTS
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url", metavar="URL", help="Its URL, or path and query beside a Host header.", rich_help_panel=_PARTS
    ),
]

URL_CHARACTERS_MAX: Final = 16_384
"""How long the URL of a request in parts may be."""
_METHOD: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}")
_URL: Final = re.compile(r"(?:(https?)://([^/?#]+))?((?:/[^?#]*)?(?:\?[^#]*)?)", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


class Parts(NamedTuple):
    """What was said of a request, each None when it was not."""

    headers: Path | None
    body: Path | None
    method: str | None
    url: str | None


def read_asked(request: Path | None, parts: Parts, *, scheme: str) -> RawRequest:
    """The request that is meant: of one file, of its parts, or of standard input.

    Args:
        request: the whole message; None or `-`: standard input, when no part is named.
        parts: its parts.
        scheme: as `read_request`; a URL with a scheme says so itself.

    Raises:
        UsageProblem: both ways at once, a part too few, or one that cannot be read or understood.
        Rejected: as `read_request`.
    """
    if parts == Parts(None, None, None, None):
        return read_request(request, scheme=scheme)
    if request is not None:
        raise UsageProblem("--request holds the whole request: leave --headers, --body, --method and --url out.")
    if parts.headers is None or parts.url is None:
        raise UsageProblem("A request in parts has --headers and --url, and --body and --method where they matter.")
    if scheme not in ("http", "https"):
        raise UsageProblem("--scheme is http or https.")
    return _put_together(parts.headers, parts.url, parts, scheme)


def _put_together(header_file: Path, url: str, parts: Parts, scheme: str) -> RawRequest:
    body = b"" if parts.body is None else read_body(parts.body)
    method = parts.method or ("GET" if parts.body is None else "POST")
    if _METHOD.fullmatch(method) is None:
        raise UsageProblem("--method is one word: GET, POST.")
    headers = read_headers(header_file)
    if len(headers) > HEADERS_MAX:
        raise Rejected("request_malformed", f"there are more than {HEADERS_MAX} lines of headers")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        raise Rejected("header_repeated", "host")
    scheme, authority, target = _parse_url(url, scheme, hosts[0] if hosts else None)
    if body and not any(name in (b"content-length", b"transfer-encoding") for name, _ in headers):
        headers.append((b"content-length", b"%d" % len(body)))
    message = Message(method=method, target=target, scheme=scheme, authority=authority, headers=tuple(headers))
    return RawRequest(message, body)


def _parse_url(url: str, scheme: str, host: bytes | None) -> tuple[str, bytes, bytes]:
    matched = _URL.fullmatch(url) if url.isascii() and url.isprintable() and " " not in url else None
    if matched is None or not url or len(url) > URL_CHARACTERS_MAX:
        raise UsageProblem("--url is https://host/path?query or /path?query, as it is sent: escaped, no fragment.")
    if matched[1] is not None:
        scheme = matched[1].lower()
        named = matched[2].encode("ascii")
        if host is not None and _plain(host, scheme) != _plain(named, scheme):
            raise UsageProblem(
                "--url names another host than the Host header: which one was received? "
                "Give path and query alone in --url, and the Host header counts."
            )
        host = named if host is None else host
    if host is None:
        raise UsageProblem("Nobody says the host: write it in --url, or as a Host header.")
    target = matched[3]
    return scheme, host, (target if target.startswith("/") else f"/{target}").encode("ascii")


def _plain(authority: bytes, scheme: str) -> bytes:
    return authority.lower().removesuffix(_DEFAULT_PORTS[scheme].encode("ascii"))

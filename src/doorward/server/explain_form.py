"""The form of the page that explains a signature: fields in, the delivery or the request they describe out.

Rules:

* A browser ends every line of a text area with CR LF, whatever was pasted. What the body really had is said beside it,
  and LF is meant unless something else is said.
* Secrets go from here into the search and nowhere else: no field that holds one is kept, shown again or logged.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from doorward.crypto.signature_keys import parse_json_keys
from doorward.errors import Misconfigured, Rejected
from doorward.methods.signature import Message
from doorward.methods.signature.explain import ExplainedKey, SignatureExplanation, explain_signature
from doorward.methods.webhook import SCHEMES, Scheme
from doorward.methods.webhook.explain import Explanation, SecretText, explain_delivery
from doorward.methods.webhook.schemes import find_scheme, plain_scheme
from doorward.wire.request import Header

__all__ = ["BODY_FORMS", "SIGNED_REQUEST", "Examination", "StoredSender", "examine", "scheme_names"]

SIGNED_REQUEST: Final = "signature"
"""The choice that is no webhook scheme: a request signed by RFC 9421."""
BODY_FORMS: Final[Mapping[str, str]] = {
    "lf": "text, lines end with LF",
    "crlf": "text, lines end with CR LF",
    "base64": "base64",
}
"""How the body field is to be read."""
HEADER_LINES_MAX: Final = 200
"""How many lines of headers are read."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}")
_REQUEST_LINE: Final = re.compile(r"([A-Z]{1,16}) (\S+) HTTP/[0-9.]{1,4}")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")


class Examination(NamedTuple):
    """What was found, or what is wrong with the form."""

    found: Explanation | SignatureExplanation | None
    problem: str = ""
    """A sentence of our own; empty when there is none."""


class StoredSender(NamedTuple):
    """A sender of the store, in place of a scheme and secrets of the form."""

    scheme: str
    secrets: tuple[SecretText, ...]


def scheme_names() -> dict[str, str]:
    """What can be examined: the name in the form, and what people call it."""
    named = {name: scheme.sender for name, scheme in SCHEMES.items()}
    return {SIGNED_REQUEST: "A signed request (RFC 9421)", **named, "plain": "Plain: an HMAC of the body"}


def examine(fields: Mapping[str, str], now: int, stored: StoredSender | None = None) -> Examination:
    """Read the form and explain. Takes up to two seconds of processor time.

    Args:
        fields: of the form, unverified.
        now: epoch seconds, where the form says no other time.
        stored: the sender the form names, when it names one.
    """
    try:
        return _examine(fields, now, stored)
    except Misconfigured as error:
        return Examination(None, str(error))
    except Rejected as refused:
        return Examination(None, refused.detail or refused.refusal.text)


def _examine(fields: Mapping[str, str], now: int, stored: StoredSender | None) -> Examination:
    said = fields.get("at", "").strip()
    if said and _SECONDS.fullmatch(said) is None:
        raise Rejected("request_malformed", "The time is not whole seconds since 1970.")
    at = int(said) if said else now
    request_line, headers = _parse_headers(fields.get("headers", ""))
    body = _read_body(fields)
    url = fields.get("url", "").strip() or None
    if stored is not None:
        fields = {**fields, "scheme": stored.scheme}
        return Examination(explain_delivery(_scheme(fields), stored.secrets, headers, body, now=at, url=url))
    if not fields.get("secret", "").strip():
        raise Rejected("request_malformed", "There is no secret: it is not kept from one time to the next.")
    if fields.get("scheme") == SIGNED_REQUEST:
        message = _message(request_line, headers, url)
        keys = [*_keys(fields["secret"], in_use=True), *_keys(fields.get("other", ""), in_use=False)]
        return Examination(explain_signature(message, body, keys, now=at))
    secrets = [
        SecretText(id=name, text=text, in_use=name == "the secret")
        for name, text in (("the secret", fields["secret"]), ("the other secret", fields.get("other", "")))
        if text
    ]
    return Examination(explain_delivery(_scheme(fields), secrets, headers, body, now=at, url=url))


def _scheme(fields: Mapping[str, str]) -> Scheme:
    name = fields.get("scheme", "")
    return plain_scheme(fields.get("header", "").strip() or "X-Signature") if name == "plain" else find_scheme(name)


def _parse_headers(text: str) -> tuple[str, list[Header]]:
    request_line = ""
    headers: list[Header] = []
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > HEADER_LINES_MAX:
        raise Rejected("request_malformed", f"There are more than {HEADER_LINES_MAX} lines of headers.")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if not headers and not request_line and _REQUEST_LINE.fullmatch(line.strip()):
            request_line = line.strip()
        elif line[0] in " \t" and headers:
            name, value = headers[-1]
            headers[-1] = (name, value + b"\r\n" + line.rstrip().encode())
        else:
            name_text, colon, value_text = line.partition(":")
            if not colon or _NAME.fullmatch(name_text) is None:
                raise Rejected("request_malformed", f"Line {number} of the headers is none: write `Name: value`.")
            headers.append((name_text.lower().encode("ascii"), value_text.strip(" \t").encode()))
    return request_line, headers


def _read_body(fields: Mapping[str, str]) -> bytes:
    text, form = fields.get("body", ""), fields.get("body_form", "lf")
    if form == "base64":
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            raise Rejected("request_malformed", "The body is not base64.") from None
    unix = text.replace("\r\n", "\n")
    return (unix.replace("\n", "\r\n") if form == "crlf" else unix).encode()


def _message(request_line: str, headers: list[Header], url: str | None) -> Message:
    matched = _REQUEST_LINE.fullmatch(request_line)
    if matched is None:
        raise Rejected("request_malformed", "Write the request line before the headers: `POST /path HTTP/1.1`.")
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) != 1:
        raise Rejected("request_malformed", "A signed request has one Host header.")
    scheme = "http" if url is not None and url.lower().startswith("http:") else "https"
    target = matched[2].encode("ascii", "replace")
    return Message(method=matched[1], target=target, scheme=scheme, authority=hosts[0], headers=headers)


def _keys(text: str, *, in_use: bool) -> list[ExplainedKey]:
    if not text.strip():
        return []
    found = parse_json_keys(text.encode())
    return [ExplainedKey(name, key.verifier, in_use=in_use) for name, key in found.items() if key.verifier is not None]

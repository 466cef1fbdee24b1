"""The bytes a scheme signs, in pieces and never copied: the body is what was received, whole and untouched.

Twilio alone signs something made of the body: the names and values of a form (each pair once, by name, nothing
between them), or, when the URL carries `bodySHA256`, nothing but the URL, and the digest in it is the body's. The form
stands right behind the URL, so a value in it could pass for a part of the URL: the digest counts only where Twilio
writes it, as the last parameter, and of what is no form.
"""

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import chain, pairwise
from typing import Final
from urllib.parse import unquote_to_bytes

from doorward.crypto.hashing import constant_time_equal
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook.schemes import Part, Scheme

__all__ = ["FORM_FIELDS_MAX", "form_bytes", "signed_pieces", "url_body_digest"]

FORM_FIELDS_MAX: Final = 1_000
"""How many fields a signed form may have."""

# Looking a member up in its class takes longer than all else that is done with it.
_BODY, _TIMESTAMP, _ID, _URL = Part.BODY, Part.TIMESTAMP, Part.ID, Part.URL
_PERCENT: Final = ord("%")
_BODY_DIGEST: Final = re.compile(rb"[?&]bodySHA256=([0-9a-f]{64})\Z")


def signed_pieces(
    scheme: Scheme,
    *,
    id_text: bytes,
    timestamp_text: bytes,
    body: bytes,
    url: str | None,
    content_type: bytes | None,
) -> list[bytes]:
    """The signed bytes of a delivery.

    Args:
        scheme: whose.
        id_text: the id as it stands in its header.
        timestamp_text: the time as it stands in its header.
        body: as received.
        url: as the sender knows it, where the scheme signs it.
        content_type: as received; asked only where a form is signed.

    Raises:
        Misconfigured: the scheme signs the URL and none is known.
        Rejected: `webhook_malformed`, `webhook_signature`: the body is not what the URL or the form rules allow.
    """
    pieces: list[bytes] = []
    for part in scheme.signed:
        if isinstance(part, bytes):
            pieces.append(part)
        elif part is _BODY:
            pieces.append(body)
        elif part is _TIMESTAMP:
            pieces.append(timestamp_text)
        elif part is _ID:
            pieces.append(id_text)
        elif part is _URL:
            pieces.append(_url_bytes(scheme, url))
        else:
            pieces.append(_form_part(_url_bytes(scheme, url), body, content_type))
    return pieces


def url_body_digest(url: bytes) -> bytes | None:
    """The digest of the body at the end of a URL, in hex; None when there is none."""
    found = _BODY_DIGEST.search(url)
    return None if found is None else found[1]


def form_bytes(body: bytes) -> bytes:
    """Names and values of a form as Twilio signs them.

    Raises:
        Rejected: `webhook_malformed`: too many fields, or a pair that comes twice (Twilio signs the set, so it
            would sign like one).
    """
    if not body:
        return b""
    fields = body.split(b"&", FORM_FIELDS_MAX + 1)
    if len(fields) > FORM_FIELDS_MAX:
        raise Rejected("webhook_malformed", f"a form of more than {FORM_FIELDS_MAX} fields")
    pairs = [(_unescape(name), _unescape(value)) for name, _, value in (field.partition(b"=") for field in fields)]
    pairs.sort()
    # Side by side after sorting; a set of them would hash a large value once more.
    if any(one == other for one, other in pairwise(pairs)):
        raise Rejected("webhook_malformed", "a form field that comes twice")
    return b"".join(chain.from_iterable(pairs))


def _unescape(text: bytes) -> bytes:
    spaced = text.replace(b"+", b" ")
    return unquote_to_bytes(spaced) if _PERCENT in spaced else spaced


def _url_bytes(scheme: Scheme, url: str | None) -> bytes:
    if url is None:
        raise Misconfigured(
            f"{scheme.sender} signs the URL it calls, and none is known.",
            cure="Say the URL exactly as the sender has it: scheme, host, port if any, path and query.",
        )
    try:
        return url.encode()
    except UnicodeEncodeError:
        raise Misconfigured(
            "The URL holds a half of a character (a lone surrogate), which no URL has.",
            cure="Say the URL exactly as the sender has it.",
        ) from None


def _form_part(url: bytes, body: bytes, content_type: bytes | None) -> bytes:
    is_form = content_type is not None and _is_form(content_type)
    digest = None if is_form else url_body_digest(url)
    if digest is not None:
        if not constant_time_equal(digest, sha256(body).hexdigest().encode("ascii")):
            raise Rejected("webhook_signature", "the body's digest is not the one in the signed URL")
        return b""
    # Read as a form, another body could be spelled with the same signature (`%7B` for `{`).
    if body and content_type is not None and not is_form:
        raise Rejected("webhook_malformed", "the body is no form, and the URL holds no digest of it")
    return form_bytes(body)


def _is_form(content_type: bytes) -> bool:
    return content_type.partition(b";")[0].strip(b" \t").lower() == b"application/x-www-form-urlencoded"


def joined(pieces: Sequence[bytes]) -> bytes:
    """The pieces as one."""
    return b"".join(pieces)

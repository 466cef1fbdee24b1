"""What the headers and the body show by themselves, when no change makes a signature fit. Likely, not proven."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from doorward.crypto.mac import MAC_BYTES
from doorward.methods.explaining.change import RAW_BODY_CURE, Change
from doorward.methods.explaining.coding import find_coding
from doorward.methods.webhook.explain.keys import SecretText
from doorward.methods.webhook.explain.moments import received_time
from doorward.methods.webhook.explain.spelling import header_values
from doorward.methods.webhook.schemes import SCHEMES, Part, Scheme
from doorward.methods.webhook.secrets import PUBLIC_PREFIX, SECRET_PREFIX, SIGNING_PREFIX
from doorward.wire.request import Header

__all__ = ["find_evidence", "find_missing", "find_other_kind"]

_REPLACEMENT: Final = "\ufffd".encode()


def find_missing(scheme: Scheme, headers: Sequence[Header], *, url: str | None) -> Iterator[Change]:
    """Things without which no signature can be verified."""
    if not header_values(headers, scheme.signature_header):
        yield _no_signature(scheme, headers)
    if scheme.signs_id and not header_values(headers, scheme.id_header):
        yield _missing(scheme.id_header)
    if scheme.signs_time and received_time(scheme, headers) is None:
        yield _missing(scheme.timestamp_header or f"{scheme.signature_header} (its field t)")
    if scheme.signs_url and url is None:
        words = f"There is no URL, and {scheme.sender} signs the one it calls."
        yield Change("url.missing", words, "Say the URL exactly as the sender has it.")


def find_evidence(scheme: Scheme, headers: Sequence[Header], body: bytes) -> Iterator[Change]:
    """Signs of what may have happened."""
    coding = find_coding(header_values(headers, "content-encoding"), body)
    if coding is not None:
        yield coding
    told = _content_length(headers)
    if not body and Part.BODY in scheme.signed:
        had = f", though Content-Length says {told} bytes" if told else ""
        words = f"The body is empty{had}, and no signature is of an empty body: something has read it before."
        yield Change("body.read", words, RAW_BODY_CURE)
    elif told is not None and told != len(body):
        words = f"The body has {len(body)} bytes, and Content-Length says {told}: it was changed or cut on the way."
        yield Change("body.length", words, RAW_BODY_CURE)
    if _REPLACEMENT in body:
        words = "The body holds replacement characters (U+FFFD): it was decoded in a character set it was not in."
        yield Change("body.lost", words, "What was lost cannot be found again. Read the body as bytes, not as text.")
    if header_values(headers, "transfer-encoding") and body[:8].split(b"\r\n")[0].isalnum() and b"\r\n" in body[:10]:
        words = "The body looks chunked: the frames of the transfer are still in it."
        yield Change("body.chunked", words, "Let the HTTP server take the chunks apart.")


def find_other_kind(
    scheme: Scheme, secrets: Sequence[SecretText], macs: Iterable[bytes], signatures: Iterable[bytes]
) -> Iterator[Change]:
    """Signatures of one kind, and secrets of the other."""
    if not scheme.asymmetric_label or not secrets:
        return
    public = [secret.text.strip().startswith((PUBLIC_PREFIX, SIGNING_PREFIX)) for secret in secrets]
    has_mac = any(len(mac) == MAC_BYTES[scheme.digest] for mac in macs)
    if any(signatures) and not has_mac and not any(public):
        words = (
            f"The delivery carries Ed25519 signatures ({scheme.asymmetric_label}) alone, and there is no public key."
        )
        yield Change("secret.kind", words, f"Configure the sender's public key, which begins with {PUBLIC_PREFIX}.")
    elif has_mac and not any(signatures) and all(public):
        words = f"The delivery carries HMAC signatures ({scheme.label}) alone, and there is nothing but a public key."
        yield Change("secret.kind", words, f"Configure the secret, which begins with {SECRET_PREFIX}.")


def _content_length(headers: Sequence[Header]) -> int | None:
    values = header_values(headers, "content-length")
    text = values[0].strip() if values else b""
    return int(text) if text.isdigit() and len(text) < 16 else None


def _missing(name: str) -> Change:
    return Change(
        "header.missing",
        f"The header {name} is missing.",
        "Something on the way dropped it, or the sender does not send it: look at what the proxy passes on.",
    )


def _no_signature(scheme: Scheme, headers: Sequence[Header]) -> Change:
    if scheme.name == "github" and header_values(headers, "X-Hub-Signature"):
        return Change(
            "header.sha1",
            "Only X-Hub-Signature is there, which is SHA-1 and no longer counts; GitHub sends X-Hub-Signature-256 too.",
            "Let the proxy pass X-Hub-Signature-256 on, or let an imitation of GitHub send it.",
        )
    for other in SCHEMES.values():
        same = other.signature_header.lower() == scheme.signature_header.lower()
        if not same and header_values(headers, other.signature_header):
            return Change(
                "scheme.other",
                f"There is no {scheme.signature_header} header, and there is {other.signature_header}, which is "
                f"{other.sender}'s.",
                f"Verify with the scheme {other.name}.",
            )
    underscored = scheme.signature_header.replace("-", "_")
    if header_values(headers, underscored):
        return Change(
            "header.underscore",
            f"The header is called {underscored}, with underscores; it is {scheme.signature_header}, with dashes.",
            "Something rewrites the names of headers; such names are not honoured, for anybody can add them.",
        )
    return _missing(scheme.signature_header)

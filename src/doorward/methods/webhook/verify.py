"""Prove a delivery. Pure: no clock, no store, no I/O.

Order: the signature first, over the bytes as received; only who has signed learns that the time is wrong. Every
active secret is tried, and which one matched is told. Timestamps count both ways: one from the future would stay
fresh for as long as its author likes.

The claim key, by which a delivery is told from its replay, is made of signed bytes only, and of nothing that depends on
which secret matched where a header may carry several signatures: whoever drops one of two, or waits until the secret of
one is retired, must not have a new delivery.

* Where the id is signed, in a header or at the beginning of the body (`Scheme.event_id_prefix`), it is the id. A sender
  signs every attempt anew, with another time: by the id all attempts are one delivery, so neither a second attempt
  while the first is being handled, nor an earlier one that somebody kept, is handled too.
* Where no id is signed and a header carries one signature, it is that: nobody else can make another. A sender that
  signs the very same bytes with another secret has made a delivery of its own, and only the sender can.
* Else it is a digest of the signed bytes. That is a second pass over the body, and there is none cheaper: an HMAC is as
  many values as there are secrets, and which of them are active differs from one attempt to the next.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Final, final

import msgspec

from doorward.crypto.hashing import constant_time_equal, sha256_digest
from doorward.crypto.mac import mac_of
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook.config import (
    ASYMMETRIC_OCTETS_MAX,
    ASYMMETRIC_TRIES_ANY_SIZE,
    ASYMMETRIC_TRIES_MAX,
    TOLERANCE_S,
    TOLERANCE_S_MAX,
    UNDATED_CLAIM_LIFETIME_S,
)
from doorward.methods.webhook.message import joined, signed_pieces
from doorward.methods.webhook.schemes import Scheme
from doorward.methods.webhook.secrets import WebhookSecret, active_secrets
from doorward.methods.webhook.wire import PresentedDelivery, find_value, parse_delivery
from doorward.wire.request import Header

__all__ = ["VerifiedDelivery", "verify_delivery", "verify_presented"]

_NOTHING: Final = b""


@final
class VerifiedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery whose every signed byte is the sender's."""

    scheme: str
    secret_id: str
    """The secret that matched, so that an old one can be retired when nothing matches it any more."""
    delivery_id: str | None
    """The signed id, of a header or of the event in the body; None where none is signed."""
    unsigned_id: str | None
    """What the sender tells beside the signature, for logs; anybody could have written it."""
    timestamp: int | None
    """When it was signed, epoch seconds; None in a scheme that signs no time."""
    claim_key: str
    """What may be handled once, by this sender. Up to 240 printable ASCII characters."""
    claim_lifetime_s: int
    """How long the claim is to be kept."""


def verify_delivery(
    scheme: Scheme,
    secrets: Sequence[WebhookSecret],
    headers: Sequence[Header],
    body: bytes,
    *,
    now: int,
    url: str | None = None,
    tolerance_s: int = TOLERANCE_S,
) -> VerifiedDelivery:
    """What a delivery proves.

    Args:
        scheme: how the sender signs.
        secrets: the sender's; those not active at `now` are passed over.
        headers: as received, unverified; names in any case, duplicates kept.
        body: as received, before anything parsed, decoded or decompressed it. Its size is the caller's to bound.
        now: epoch seconds, by our clock.
        url: as the sender has it; only for schemes that sign it.
        tolerance_s: how far the time may be off, either way, itself included.

    Raises:
        Rejected: `credential_missing`, `header_repeated`, `webhook_malformed`, `webhook_signature` from anybody;
            `webhook_timestamp` only after the proof.
        Misconfigured: more than 8 active secrets, no URL where one is signed, a tolerance out of range.
    """
    presented = parse_delivery(scheme, headers)
    if presented is None:
        raise Rejected("credential_missing", f"there is no {scheme.signature_header} header")
    return verify_presented(scheme, secrets, presented, headers, body, now=now, url=url, tolerance_s=tolerance_s)


def verify_presented(
    scheme: Scheme,
    secrets: Sequence[WebhookSecret],
    presented: PresentedDelivery,
    headers: Sequence[Header],
    body: bytes,
    *,
    now: int,
    url: str | None,
    tolerance_s: int,
) -> VerifiedDelivery:
    """What a delivery proves whose signature headers were parsed before: `presented` is theirs. As `verify_delivery`.

    Raises:
        Rejected: `webhook_malformed`, `webhook_signature` from anybody; `webhook_timestamp` only after the proof.
        Misconfigured: as `verify_delivery`.
    """
    if not 0 < tolerance_s <= TOLERANCE_S_MAX:
        raise Misconfigured(
            f"A tolerance of {tolerance_s} s is out of range.", cure=f"Choose 1 to {TOLERANCE_S_MAX} s."
        )
    active = active_secrets(secrets, now)
    pieces = signed_pieces(
        scheme,
        id_text=presented.id_text,
        timestamp_text=presented.timestamp_text,
        body=body,
        url=url,
        content_type=find_value(headers, "content-type") if scheme.signs_form else None,
    )
    secret, mac = _match(scheme, active, presented, pieces)
    timestamp = int(presented.timestamp_text) if scheme.signs_time else None
    if timestamp is not None and abs(now - timestamp) > tolerance_s:
        raise Rejected("webhook_timestamp", _drift(now - timestamp, tolerance_s))
    delivery_id = _delivery_id(scheme, presented, body)
    return VerifiedDelivery(
        scheme=scheme.name,
        secret_id=secret.id,
        delivery_id=delivery_id,
        unsigned_id=presented.unsigned_id,
        timestamp=timestamp,
        claim_key=_claim_key(scheme, delivery_id, mac, pieces),
        claim_lifetime_s=UNDATED_CLAIM_LIFETIME_S if timestamp is None else 2 * tolerance_s,
    )


def _match(
    scheme: Scheme, active: Sequence[WebhookSecret], presented: PresentedDelivery, pieces: list[bytes]
) -> tuple[WebhookSecret, bytes]:
    message, signatures = _NOTHING, presented.signatures
    if signatures:
        # The same signature twice is tried once.
        message, signatures = joined(pieces), tuple(dict.fromkeys(signatures))
        _require_affordable(len(signatures) * sum(secret.verifier is not None for secret in active), len(message))
    for secret in active:
        if secret.key is not None and presented.macs:
            mac = mac_of(secret.key, pieces, scheme.digest)
            # No early end: how many were tried must not tell which one is near.
            if sum([constant_time_equal(mac, presented_mac) for presented_mac in presented.macs]):
                return secret, mac
        elif secret.verifier is not None and any(secret.verifier.fits(signature, message) for signature in signatures):
            return secret, _NOTHING
    raise Rejected("webhook_signature", _no_match(active, presented))


def _require_affordable(tries: int, octets: int) -> None:
    if tries > ASYMMETRIC_TRIES_MAX or (tries > ASYMMETRIC_TRIES_ANY_SIZE and tries * octets > ASYMMETRIC_OCTETS_MAX):
        raise Rejected("webhook_malformed", f"{tries} Ed25519 signatures of {octets} bytes would have to be tried")


def _no_match(active: Sequence[WebhookSecret], presented: PresentedDelivery) -> str:
    if not active:
        return "no secret is active"
    if not presented.macs and not presented.signatures:
        return "no signature of a known version"
    return f"none of {len(active)} active secrets made a signature of these bytes"


def _drift(behind_s: int, tolerance_s: int) -> str:
    way = "ago" if behind_s > 0 else "ahead of our clock"
    return f"the signature fits, and was made {abs(behind_s)} s {way}; {tolerance_s} s are allowed"


def _delivery_id(scheme: Scheme, presented: PresentedDelivery, body: bytes) -> str | None:
    if scheme.signs_id:
        return presented.id_text.decode("ascii")
    found = None if scheme.event_id is None else scheme.event_id.match(body)
    return None if found is None else found[1].decode("ascii")


def _claim_key(scheme: Scheme, delivery_id: str | None, mac: bytes, pieces: list[bytes]) -> str:
    if delivery_id is not None:
        return f"{scheme.name} id {delivery_id}"
    if scheme.carries_several:
        digest = sha256()
        for piece in pieces:
            digest.update(piece)
        return f"{scheme.name} bytes {digest.hexdigest()}"
    # Hashed once more: what is stored must not be presentable.
    return f"{scheme.name} mac {sha256_digest(mac).hex()}"

"""Prove a signature. Pure: no clock, no store, and no byte of the body is needed.

Order: the key, its algorithm, the signature over the headers; only who has proven the key learns that the signature
covers too little, is too old or not valid yet. The body comes after, while it streams (`digest.BodyCheck`), so whoever
has no key cannot make us keep anything.

An unknown key does the work of a wrong HMAC secret. That a *public* key is known can be told by the time its check
takes; its id is published anyway.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Final, final

import msgspec

from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
from doorward.errors import Rejected
from doorward.methods.signature.base import build_base
from doorward.methods.signature.components import Message
from doorward.methods.signature.config import CoverageProfile
from doorward.methods.signature.digest import BodyCheck, ExpectedDigest, parse_content_digest
from doorward.methods.signature.fields import field_value
from doorward.methods.signature.profiles import demanded_components
from doorward.methods.signature.wire import Glimpse, PresentedSignature, parse_signatures, parse_usual

__all__ = ["VerifiedSignature", "may_count", "verify_request", "verify_signature"]

_NOBODYS_KEY: Final = SignatureKey(SignatureAlgorithm.HMAC_SHA256, sha256(b"doorward: nobody's key").digest())
_CONTENT_DIGEST: Final = '"content-digest"'


@final
class VerifiedSignature(msgspec.Struct, frozen=True, gc=False):
    """What a signature has proven of the headers. The body is proven by the check that `body` gives, at its end."""

    signature: PresentedSignature
    """Label, times, nonce and tag, now the word of whoever has the key."""
    algorithm: SignatureAlgorithm
    expected: tuple[ExpectedDigest, ...] | None
    """The digests the body must have, empty for no body; None: the profile lets any body pass."""
    bodiless: bool = False
    """No body was announced, and the signature does not cover what it would have to cover with one: not a byte may
    come, whatever its digest. How a message is framed is not signed, and in HTTP/2 a body need not be announced."""

    @property
    def key_id(self) -> str:
        """The key that made it."""
        return self.signature.lookup_id

    @property
    def covered(self) -> frozenset[str]:
        """Identifiers of what is covered: whatever else the request holds is nobody's word."""
        return self.signature.covered.identifiers

    def body(self) -> BodyCheck | None:
        """A fresh check for the body; None when it is not proven, whatever comes."""
        if self.expected is None:
            return None
        return BodyCheck(self.expected, bodiless=True) if self.bodiless else BodyCheck(self.expected)


def verify_request(
    message: Message, keys: Mapping[str, SignatureKey], profile: CoverageProfile, now: int
) -> VerifiedSignature | None:
    """The one signature of a request that is meant for us, or None when it carries none at all.

    Signatures by keys we do not know are not ours to judge, as long as one by a key we know is there. Two of those are
    two callers.

    Args:
        message: unverified.
        keys: by id; each has its one algorithm.
        profile: what must be covered.
        now: epoch seconds.

    Raises:
        Rejected: see `parse_signatures` and `verify_signature`; `credential_conflict` for two signatures.
    """
    one = parse_usual(message, profile.structured_fields)
    if one is None:
        presented = parse_signatures(message, profile.structured_fields, partial(_choose, profile, keys))
        if presented is None:
            return None
        one = presented[0] if presented else None
    if one is None or (
        (profile.label is not None or profile.tag is not None) and not may_count(profile, one.label, one.said.tag)
    ):
        raise Rejected("signature_coverage", "no signature has the label and tag that count here")
    return verify_signature(one, keys.get(one.lookup_id), message, profile, now)


def may_count(profile: CoverageProfile, presented_label: str, presented_tag: str | None) -> bool:
    """Whether a signature of this label and tag is one of those the profile asks for."""
    return profile.label in (None, presented_label) and profile.tag in (None, presented_tag)


def _choose(
    profile: CoverageProfile, keys: Mapping[str, SignatureKey], glimpses: Sequence[Glimpse]
) -> Sequence[Glimpse]:
    counting = [one for one in glimpses if may_count(profile, one.label, one.tag)]
    known = [one for one in counting if one.key_id in keys]
    if len(known) > 1:
        raise Rejected("credential_conflict", "two signatures by keys that are known here")
    return known or counting[:1]


def verify_signature(
    presented: PresentedSignature,
    key: SignatureKey | None,
    message: Message,
    profile: CoverageProfile,
    now: int,
) -> VerifiedSignature:
    """What the signature proves.

    Args:
        presented: unverified.
        key: of that id; None when there is none.
        message: what it came with.
        profile: what it must cover.
        now: epoch seconds.

    Raises:
        Rejected: `signature_key_unknown`, `signature_algorithm`, `signature_component`, `signature_mismatch` (one
            answer from outside); after the proof `signature_coverage`, `signature_not_yet_valid`,
            `signature_expired`, `signature_digest`, in this order.
    """
    base = build_base(presented.covered, presented.said.text, message)
    # Before anything is refused: whether a secret of that id is known must not show in the time it takes, whatever the
    # message says of its algorithm.
    has_signed = (_NOBODYS_KEY if key is None else key).has_signed(presented.signature, base)
    if key is None:
        raise Rejected("signature_key_unknown", "no key of this id")
    said = presented.said.algorithm
    if said is not None and said != key.algorithm.value:
        # The key decides (RFC 9421 section 3.2, step 6); what the message says may only agree.
        raise Rejected("signature_algorithm", f"the key is for {key.algorithm.value}")
    if not has_signed:
        raise Rejected("signature_mismatch", "the signature is not this key's over this request")
    with_body = message.announces_body
    _check_coverage(presented, message, profile, with_body=with_body)
    _check_times(presented, profile, now)
    expected = _expected(presented, message, profile)
    if with_body or expected == ():
        return VerifiedSignature(presented, key.algorithm, expected)
    if demanded_components(profile, message, with_body=True) <= presented.covered.identifiers:
        return VerifiedSignature(presented, key.algorithm, expected)
    return VerifiedSignature(presented, key.algorithm, expected or (), bodiless=True)


def _check_coverage(
    presented: PresentedSignature, message: Message, profile: CoverageProfile, *, with_body: bool
) -> None:
    covered = presented.covered.identifiers
    wanted = demanded_components(profile, message, with_body=with_body)
    if not wanted <= covered:
        raise Rejected("signature_coverage", f"not covered: {' '.join(sorted(wanted - covered))}")
    for name in profile.parameters:
        if getattr(presented.said, name) is None:
            raise Rejected("signature_coverage", f"the parameter {name} is not there")


def _check_times(presented: PresentedSignature, profile: CoverageProfile, now: int) -> None:
    created, expires = presented.said.created, presented.said.expires
    if created is not None:
        if created > now + profile.skew_s:
            raise Rejected("signature_not_yet_valid", f"created {created - now} seconds from now")
        if created + profile.age_s_max < now:
            raise Rejected("signature_expired", f"created {now - created} seconds ago")
    if expires is not None and (now >= expires or (created is not None and expires <= created)):
        raise Rejected("signature_expired", f"expired {now - expires} seconds ago, or before it was created")


def _expected(
    presented: PresentedSignature, message: Message, profile: CoverageProfile
) -> tuple[ExpectedDigest, ...] | None:
    if _CONTENT_DIGEST not in presented.covered.identifiers:
        # A digest that is not covered is anybody's; without one there may be no body.
        return None if profile.danger_unproven_body else ()
    value = field_value(message, b"content-digest")
    assert value is not None, "it is covered, so it was there"
    return parse_content_digest(value)

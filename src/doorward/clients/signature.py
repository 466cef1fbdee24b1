"""Signed requests, as a client makes them (RFC 9421, RFC 9530): what the profile demands, over the bytes that leave.

The signature is made last, when the request is whole. It fits one method, one URL and one body: a redirect gets none.

Text is a JWK or PEM, octets are an HMAC secret. What was meant for the other is refused where it can be told: signed
with the letters of a secret, or with a file as if it were one, every request would be refused by a peer that says
no more than 401.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias, final

from doorward.clients.body import refuse_unknown_body
from doorward.clients.outgoing import OutgoingRequest, require_kind
from doorward.crypto.registered_keys import UnusableKey
from doorward.crypto.signature_keys import parse_json_keys
from doorward.crypto.signature_pem import is_pem, parse_pem_key
from doorward.crypto.signatures import SignatureAlgorithm, SignatureSigner
from doorward.errors import Misconfigured, Rejected
from doorward.methods.signature import PROFILES, CoverageProfile, Message, sign_request
from doorward.values import Clock, Entropy
from doorward.wire.request import Header

__all__ = ["RequestSigning", "SigningMaterial"]

SigningMaterial: TypeAlias = SignatureSigner | bytes | str
"""A signer; the bytes of a secret, for hmac-sha256; or the text of a JWK (or of a set of one) with its private half, or
of a private key in PEM."""

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{43}=")
"""How 32 octets look in base64: `doorward signatures keys create` shows a secret so. As text that happens to be a
secret of its own, it is given in a `SignatureSigner`."""


@final
class RequestSigning:
    """Signs requests with one key.

    Args:
        key: see `SigningMaterial`.
        key_id: by which the peer knows it; a JWK says its own.
        algorithm: what a private key in PEM is used with: `rsa-pss-sha512` or `rsa-v1_5-sha256` for RSA; else its kind
            says so.
        profile: what the peer demands, or its name.
        more_components: further identifiers to cover, as a signature writes them: `"x-id"`.
        lifetime_s: how long until `expires`; None: none is said, unless the profile demands it.
        label: how the signature is named among several.
        clock: see `Clock`.
        entropy: see `Entropy`.

    Raises:
        Misconfigured: no such profile, a key that cannot sign, or no id for it.
    """

    __slots__ = ("_clock", "_entropy", "_label", "_lifetime_s", "_more", "_profile", "_signer", "key_id")

    def __init__(
        self,
        key: SigningMaterial,
        key_id: str | None,
        *,
        algorithm: str | None = None,
        profile: CoverageProfile | str,
        more_components: Sequence[str],
        lifetime_s: int | None,
        label: str,
        clock: Clock,
        entropy: Entropy,
    ) -> None:
        self._signer, self.key_id = _signer_of(key, key_id, algorithm)
        self._profile: Final = _profile_of(profile)
        self._more: Final = tuple(more_components)
        self._lifetime_s: Final = lifetime_s
        self._label: Final = label
        self._clock: Final = clock
        self._entropy: Final = entropy

    def __repr__(self) -> str:
        return f"RequestSigning({self.key_id!r}, profile={self._profile.name!r})"

    def takes_stream(self, request: OutgoingRequest) -> bool:
        """Whether the body need not be at hand: its digest is said, or the profile lets any body pass."""
        return request.value(b"content-digest") is not None or '"content-digest"' not in self._profile.body_components

    def sign(self, request: OutgoingRequest, body: bytes | None) -> tuple[Header, ...]:
        """The headers to add.

        Args:
            request: all of it but these.
            body: as it is sent, empty for none; None when it is streamed.

        Raises:
            Misconfigured: something that must be signed is not there, or the body is not known.
        """
        if body is None and not self.takes_stream(request):
            raise refuse_unknown_body()
        message = Message(
            method=request.method,
            target=request.target,
            scheme=request.scheme,
            authority=request.authority,
            headers=request.headers,
        )
        try:
            return sign_request(
                message,
                self._signer,
                key_id=self.key_id,
                created=int(self._clock()),
                entropy=self._entropy,
                body=body,
                profile=self._profile,
                more_components=self._more,
                lifetime_s=self._lifetime_s,
                label=self._label,
            )
        except Rejected as error:
            raise Misconfigured(
                f"The request cannot be signed: {error.detail}.",
                cure=f"Add what the profile {self._profile.name} demands; a body needs a Content-Type.",
            ) from None


def _profile_of(profile: CoverageProfile | str) -> CoverageProfile:
    if isinstance(profile, CoverageProfile):
        return profile
    try:
        return PROFILES[profile]
    except KeyError:
        raise Misconfigured(f"There is no profile {profile!r}.", cure=f"Use one of: {', '.join(PROFILES)}.") from None


def _signer_of(key: SigningMaterial, key_id: str | None, algorithm: str | None) -> tuple[SignatureSigner, str]:
    require_kind(
        key,
        (str, bytes, SignatureSigner),
        "A signing key",
        cure="Give a JWK with its private half or PEM as text, a secret as bytes, or a SignatureSigner.",
    )
    of_pem = isinstance(key, str) and is_pem(key.encode(errors="replace"))
    if algorithm is not None and not of_pem:
        raise Misconfigured("Only a key in PEM leaves its algorithm open.", cure="Leave algorithm out.")
    if isinstance(key, str) and not of_pem:
        return _from_json(key, key_id)
    if key_id is None or not 0 < len(key_id) <= 256 or not (key_id.isascii() and key_id.isprintable()):
        raise Misconfigured("A signing key needs an id of printable ASCII.", cure="Say key_id as the peer knows it.")
    if isinstance(key, str):
        return _from_pem(key, key_id, algorithm), key_id
    if isinstance(key, bytes):
        _refuse_what_is_no_secret(key)
        key = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, key)
    return key, key_id


def _refuse_what_is_no_secret(presented_secret: bytes) -> None:
    if is_pem(presented_secret) or presented_secret.lstrip().startswith(b"{"):
        raise Misconfigured(
            "The bytes are the text of a key (PEM or a JWK), and no HMAC secret.",
            cure="Give them as text: SignatureAuth(path.read_text(), ...), with key_id for PEM.",
        )
    if _BASE64.fullmatch(presented_secret.strip()):
        raise Misconfigured(
            "The bytes are a secret of 32 octets in base64, and not the secret.",
            cure="Decode it: SignatureAuth(b64decode(secret), key_id=...).",
        )


def _from_pem(text: str, key_id: str, algorithm: str | None) -> SignatureSigner:
    if algorithm is not None and algorithm not in list[str](SignatureAlgorithm):
        raise Misconfigured("There is no such algorithm.", cure=f"Use one of: {', '.join(SignatureAlgorithm)}.")
    said = None if algorithm is None else SignatureAlgorithm(algorithm)
    try:
        signer = parse_pem_key(text.encode(errors="replace"), key_id, algorithm=said).signer
    except UnusableKey as error:
        raise Misconfigured(
            f"The PEM text is no key that signs: {error.reason}.", cure="Give a private key; for RSA, say algorithm=..."
        ) from None
    if signer is None:
        raise Misconfigured("The PEM text is a public key, and signs nothing.", cure="Give the private half.")
    return signer


def _from_json(text: str, key_id: str | None) -> tuple[SignatureSigner, str]:
    if not text.lstrip().startswith("{"):
        raise Misconfigured(
            "The text is neither a JWK nor PEM.",
            cure="A secret is given as bytes: SignatureAuth(b64decode(secret), key_id=...) for one in base64.",
        )
    keys = parse_json_keys(text.encode())
    signers = [(key.signer, key_id or key.key_id) for key in keys.values() if key.signer is not None]
    if len(signers) != 1:
        raise Misconfigured(
            f"The text holds {len(signers)} keys that can sign, and one is needed.",
            cure="Give one JWK with its private half; a secret that is no JWK is given as bytes.",
        )
    return signers[0]

"""What the management API takes and gives about the keys apps sign requests with (RFC 9421). See `models.py`."""

from typing import Annotated, Final, Literal, final

from pydantic import Field

from doorward.crypto.registered_keys import PUBLIC_KEY_BYTES_MAX
from doorward.methods.rotation import EXPIRES_IN_S, EXPIRES_IN_S_MAX, OVERLAP_S, OVERLAP_S_MAX
from doorward.server.management.shapes import (
    AppIdText,
    Incoming,
    MetadataMap,
    NameText,
    NetworkList,
    Outgoing,
    Page,
    Rate,
    ReasonText,
    RotatableView,
    ScopeList,
)

__all__ = [
    "PublicKeyOrderIn",
    "SignatureKeyIssued",
    "SignatureKeyOrderIn",
    "SignatureKeyPage",
    "SignatureKeyRotation",
    "SignatureKeyView",
]

MEMBERS_MAX: Final = 32
"""How many members a JWK may have."""

_Algorithm = Literal["ed25519", "ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-pss-sha512", "rsa-v1_5-sha256"]
_Member = Annotated[str, Field(max_length=PUBLIC_KEY_BYTES_MAX)] | Annotated[list[str], Field(max_length=8)]
_PublicKey = (
    Annotated[str, Field(min_length=1, max_length=PUBLIC_KEY_BYTES_MAX)]
    | Annotated[dict[Annotated[str, Field(max_length=64)], _Member], Field(max_length=MEMBERS_MAX)]
)


class _Grants(Incoming):
    app_id: AppIdText
    name: NameText
    scopes: ScopeList = Field(default_factory=list)
    networks: NetworkList = Field(default_factory=list)
    rate: Rate | None = None
    expires_in_s: Annotated[int, Field(ge=1, le=EXPIRES_IN_S_MAX)] | Literal["never"] = EXPIRES_IN_S
    metadata: MetadataMap = Field(default_factory=dict)


@final
class SignatureKeyOrderIn(_Grants):
    """A new key with a secret that is made here, for hmac-sha256.

    `expires_in_s` is seconds, or the word `never`, which must be said out loud.
    """


@final
class PublicKeyOrderIn(_Grants):
    """A new key that verifies with a public key: a JWK, as an object or as text, or PEM. Public members only.

    `algorithm` must be said of an RSA key, which leaves it open.
    """

    public_key: _PublicKey
    algorithm: _Algorithm | None = None


@final
class SignatureKeyRotation(Incoming):
    """Why, and how long the old key goes on working; 0 revokes it at once. `public_key` where the old one is public."""

    reason: ReasonText
    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S
    public_key: _PublicKey | None = None
    algorithm: _Algorithm | None = None


class SignatureKeyView(RotatableView):
    """A key without its secret, which is where `public_jwk` is null; `id` is the `keyid` of its signatures."""

    algorithm: str
    public_jwk: dict[str, str] | None


@final
class SignatureKeyIssued(Outgoing):
    """A new key. With a secret it is shown this once, in base64, and as the JWK that signers take."""

    key: SignatureKeyView
    secret: str | None
    jwk: dict[str, str] | None


@final
class SignatureKeyPage(Page):
    """Keys by id."""

    items: list[SignatureKeyView]

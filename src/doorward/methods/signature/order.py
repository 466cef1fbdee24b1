"""What is asked for when a signature key is made or changed, and what is handed out. Nothing here is checked yet."""

from base64 import b64encode
from collections.abc import Mapping
from typing import TypeAlias, final

import msgspec

from doorward.crypto.jose.base64url import encode_base64url
from doorward.crypto.signatures import JOSE_NAMES
from doorward.methods.rotation import EXPIRES_IN_S, GrantChanges, Never
from doorward.methods.signature.port import SignatureKeyRecord
from doorward.values import AppId, RateLimit, Scopes

__all__ = ["IssuedSignatureKey", "SignatureKeyChanges", "SignatureKeyOrder"]

SignatureKeyChanges: TypeAlias = GrantChanges
"""What shall be different about a key."""


@final
class SignatureKeyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a new key shall be. Unverified: every field is checked against the limits in `values/bounds.py`.

    `networks` empty means from anywhere; `rate` None means no limit; `expires_in_s` is 1 second to 10 years.
    """

    app_id: AppId
    name: str
    scopes: Scopes = Scopes()
    networks: tuple[str, ...] = ()
    rate: RateLimit | None = None
    expires_in_s: int | Never = EXPIRES_IN_S
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)


@final
class IssuedSignatureKey(msgspec.Struct, frozen=True):
    """A new key and its secret, which is sealed in the store and shown once; None for a public key."""

    record: SignatureKeyRecord
    secret: bytes | None

    def text(self) -> str:
        """The secret in base64, as people copy it."""
        assert self.secret is not None, "a public key has no secret"
        return b64encode(self.secret).decode("ascii")

    def jwk(self) -> bytes:
        """The secret as a JWK (RFC 7517), as `doorward signatures sign` and the clients take it. One line."""
        assert self.secret is not None, "a public key has no secret"
        members = {
            "kty": "oct",
            "kid": self.record.id,
            "alg": JOSE_NAMES[self.record.algorithm].value,
            "use": "sig",
            "k": encode_base64url(self.secret).decode("ascii"),
        }
        return msgspec.json.encode(members) + b"\n"

    def __repr__(self) -> str:
        return f"IssuedSignatureKey(record={self.record!r}, secret=<secret>)"

    def __rich_repr__(self) -> list[tuple[str, SignatureKeyRecord]]:
        # msgspec gives every struct one that shows all fields; rich prefers it to `__repr__`, in tracebacks too.
        return [("record", self.record)]

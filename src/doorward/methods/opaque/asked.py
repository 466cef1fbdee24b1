"""Prove a token its issuer was asked about. Pure: no clock, no question.

What is kept is found by a public id, so the whole token is compared again on every use: another secret behind the same
id is another token.
"""

from typing import Final, final

from doorward.crypto.hashing import SHA256_BYTES, constant_time_equal, sha256_digest
from doorward.errors import Rejected
from doorward.methods.contract import Verified
from doorward.methods.opaque.answer import Introspected

__all__ = ["AskedToken", "verify_asked_token"]

_NOBODYS_DIGEST: Final = bytes(SHA256_BYTES)


@final
class AskedToken:
    """An answer as it is kept in the cache, with the SHA-256 of the token it is about."""

    __slots__ = ("said", "secret_digest")

    def __init__(self, secret_digest: bytes, said: Introspected) -> None:
        self.secret_digest: Final = secret_digest
        self.said: Final = said

    def __repr__(self) -> str:
        return f"AskedToken({self.said!r})"


def verify_asked_token(presented_secret: bytes, asked: AskedToken | None, now: int) -> Verified:
    """What the issuer vouches for.

    Args:
        presented_secret: the whole text, unverified.
        asked: what was said of the token of that id; None when it is not active.
        now: epoch seconds by our own clock.

    Raises:
        Rejected: `credential_unknown` and `credential_secret_mismatch` (one answer from outside); after the proof what
            bars it here, or `credential_expired`.
    """
    matches = constant_time_equal(
        sha256_digest(presented_secret), _NOBODYS_DIGEST if asked is None else asked.secret_digest
    )
    if asked is None:
        raise Rejected("credential_unknown", "the issuer does not call it active")
    if not matches:
        raise Rejected("credential_secret_mismatch", "the secret of this token is another")
    said = asked.said
    if said.barred is not None or said.verified is None:
        raise Rejected(said.barred or "token_claims", "the issuer calls it active, and it is not for this door")
    if now >= said.not_after:
        raise Rejected("credential_expired", "the token has expired")
    return said.verified

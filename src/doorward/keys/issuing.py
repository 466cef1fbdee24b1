"""The one key that signs now, with all of a token's header but its type worked out."""

from collections.abc import Mapping
from typing import Final, final

import msgspec

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.base64url import encode_base64url
from doorward.keys.signer import Signer

__all__ = ["CurrentSigner"]


@final
class CurrentSigner:
    """Signs with one key. Hold it for one token: the next may be signed by another.

    Args:
        kid: of the key.
        algorithm: its own.
        signer: who holds the private half, and has opened it.
    """

    __slots__ = ("_heads", "_signer", "algorithm", "kid")

    def __init__(self, kid: str, algorithm: Algorithm, signer: Signer) -> None:
        self.kid: Final = kid
        self.algorithm: Final = algorithm
        self._signer: Final = signer
        self._heads: Final = {typ: self._head(typ) for typ in ("at+jwt", "JWT")}

    def __repr__(self) -> str:
        return f"CurrentSigner(kid={self.kid!r}, algorithm={self.algorithm.value!r})"

    async def sign_token(self, claims: Mapping[str, object], *, typ: str = "at+jwt") -> str:
        """A JWS in compact form (RFC 7515 section 7.1) over `claims` as JSON.

        Raises:
            Unavailable: the signer cannot be reached.
        """
        head = self._heads.get(typ) or self._head(typ)
        signing_input = head + encode_base64url(msgspec.json.encode(claims))
        signature = await self._signer.sign(self.kid, self.algorithm, signing_input)
        return (signing_input + b"." + encode_base64url(signature)).decode("ascii")

    def _head(self, typ: str) -> bytes:
        header = {"alg": self.algorithm.value, "kid": self.kid, "typ": typ}
        return encode_base64url(msgspec.json.encode(header)) + b"."

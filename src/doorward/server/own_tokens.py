"""Proves tokens of our own, signed or opaque, for whoever asks about them: by the proofs of a door, and by the view of
revocations a door goes by.
"""

from typing import Final, Protocol, final

from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Rejected
from doorward.keys.port import KeySource
from doorward.methods.bearer import IssuerPolicy, TokenVerifier
from doorward.methods.bearer.config import ALGORITHMS, OWN_LIFETIME_S_MAX
from doorward.methods.contract import Verified
from doorward.methods.opaque.method import OpaqueProver, OpaqueSource

__all__ = ["AUDIENCE_SETS_MAX", "OwnTokens", "TokenSource"]

AUDIENCE_SETS_MAX: Final = 256
"""For how many different sets of audiences signed tokens that were proven are remembered; the oldest leaves first."""
TOKENS_KEPT_EACH: Final = 4_096
"""How many tokens each."""

# Beside the usual ones: the issuer itself holds the secret of its HMAC keys, and no verifier elsewhere does.
_ALGORITHMS: Final = ALGORITHMS | {Algorithm.HS256}


class OwnKeys(KeySource, Protocol):
    """Our own keys."""

    @property
    def issuer(self) -> str:
        """Exactly what our tokens say as `iss`."""
        ...


class TokenSource(OpaqueSource, Protocol):
    """What is needed of a store to prove its tokens."""

    @property
    def keyring(self) -> OwnKeys:
        """Proves them."""
        ...


@final
class OwnTokens:
    """Proves tokens of a store. Belongs to one event loop.

    Args:
        store: see `TokenSource`.
        prefix: what opaque tokens start with.
    """

    def __init__(self, store: TokenSource, *, prefix: str) -> None:
        self._store: Final = store
        self._opaque: Final = OpaqueProver(store, prefix=prefix)
        self._verifiers: Final[dict[frozenset[str], TokenVerifier]] = {}

    async def prove(self, presented_token: str, audiences: frozenset[str], now: int, now_monotonic: float) -> Verified:
        """What a token proves to a resource of these names.

        Args:
            presented_token: unverified, of bounded length.
            audiences: at least one.
            now: epoch seconds.
            now_monotonic: seconds, for the age of the view.

        Raises:
            Rejected: it is none of ours, or over, or revoked, or for another resource.
            Unavailable: `store_unavailable`, `revocation_stale`, `keys_unavailable`.
        """
        if "." in presented_token:
            return await self._prove_signed(presented_token, audiences, now)
        verified = await self._opaque.prove(presented_token, now)
        audience = verified.principal.claims["aud"]
        if audiences.isdisjoint([audience] if isinstance(audience, str) else _listed(audience)):
            raise Rejected("token_audience", "the token is for another resource")
        view = self._store.plane.view
        view.require_fresh(now_monotonic)
        if view.is_revoked(verified.handles, verified.since):
            raise Rejected("credential_revoked", "something it rests on is revoked")
        return verified

    async def _prove_signed(self, presented_token: str, audiences: frozenset[str], now: int) -> Verified:
        if self._store.issuer is None:
            raise Rejected("token_issuer", "no signed token is ours: nobody has said which issuer this is")
        try:
            presented = presented_token.encode("ascii")
        except UnicodeEncodeError:
            raise Rejected("token_malformed", "not ASCII") from None
        return await self._verifier(audiences).verify(presented, now)

    def _verifier(self, audiences: frozenset[str]) -> TokenVerifier:
        verifier = self._verifiers.get(audiences)
        if verifier is None:
            if len(self._verifiers) >= AUDIENCE_SETS_MAX:
                del self._verifiers[next(iter(self._verifiers))]
            policy = IssuerPolicy(
                issuer=self._store.keyring.issuer,
                audiences=audiences,
                keys=self._store.keyring,
                algorithms=_ALGORITHMS,
                own=True,
                lifetime_s_max=OWN_LIFETIME_S_MAX,
            )
            verifier = TokenVerifier(policy, view=self._store.plane.view, tokens_kept=TOKENS_KEPT_EACH)
            self._verifiers[audiences] = verifier
        return verifier


def _listed(audience: object) -> list[str]:
    assert isinstance(audience, list), "as we write it"
    return audience

"""Tokens that do not come by an HTTP request: from a queue, over a WebSocket, with a gRPC call.

Rules of this file:

* A token seen before costs a hash and a look-up, and is still asked everything that can have changed: its time, its
  issuer's keys, the feed of revocations.
* Keyed by SHA-256 of the whole token, within this verifier and its policies only: a cache that answered for a token
  it has not seen whole, or for another policy, would be a forgery that is already verified (CVE-2026-35039).
* What was refused is not remembered: garbage costs no memory.
* Bounded in number and in weight; the token that was proven first leaves first.
"""

import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final, final

from doorward.errors import Misconfigured, Rejected
from doorward.methods.bearer.config import TOKENS_KEPT, IssuerPolicy, policies_by_issuer
from doorward.methods.bearer.verify import Proof, find_key, is_still_good, parse_token, verify_token
from doorward.methods.contract import OCTETS_KEPT_MAX, Resource, Verified
from doorward.revocation.port import RevocationView

__all__ = ["TokenVerifier"]


@final
class _Seen:
    """A proof, and the generation of the view when nothing it rests on was revoked."""

    __slots__ = ("generation", "octets", "proof")

    def __init__(self, proof: Proof, generation: int, octets: int) -> None:
        self.proof: Final = proof
        self.octets: Final = octets
        self.generation = generation


@final
class TokenVerifier:
    """Verifies tokens of one or several issuers. Belongs to one event loop, or to one thread.

    Args:
        policies: one an issuer.
        view: what is revoked; None: tokens cannot be taken back here.
        resources: what keeps the view (a plane), and what the keys are fetched through: started before the keys and
            closed after them.
        tokens_kept: how many proven tokens are remembered; at least 1.
        octets_kept: how long they may be together.
        monotonic: the process's own clock, in seconds, by which the view's age is judged.

    Raises:
        Misconfigured: no policy, or two for one issuer; nothing to be kept.
    """

    __slots__ = (
        "_bytes_max",
        "_monotonic",
        "_octets",
        "_policies",
        "_resources",
        "_seen",
        "_view",
        "octets_kept",
        "tokens_kept",
    )

    def __init__(
        self,
        *policies: IssuerPolicy,
        view: RevocationView | None = None,
        resources: tuple[Resource, ...] = (),
        tokens_kept: int = TOKENS_KEPT,
        octets_kept: int = OCTETS_KEPT_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if tokens_kept < 1:
            raise Misconfigured(f"{tokens_kept} tokens are to be kept.", cure="Set tokens_kept to 1 at least.")
        self._policies: Final = policies_by_issuer(policies, revocable=view is not None)
        self._bytes_max: Final = max(policy.token_bytes_max for policy in policies)
        self._view: Final = view
        self._resources: Final[tuple[Resource, ...]] = (*resources, *(policy.keys for policy in policies))
        self._monotonic: Final = monotonic
        self._seen: Final[dict[bytes, _Seen]] = {}
        self._octets = 0
        self.tokens_kept: Final = tokens_kept
        self.octets_kept: Final = octets_kept

    def __repr__(self) -> str:
        return f"TokenVerifier({', '.join(map(repr, self._policies))})"

    def __len__(self) -> int:
        return len(self._seen)

    async def start(self) -> None:
        """Have the keys, and the view, before the first token. Idempotent.

        Raises:
            Misconfigured: a store that cannot be used as it is.
            Unavailable: what cannot be reached.
        """
        for resource in self._resources:
            await resource.start()

    async def aclose(self) -> None:
        """Stop what runs in the background. Idempotent."""
        for resource in reversed(self._resources):
            await resource.aclose()

    async def verify(self, presented_token: bytes, now: int) -> Verified:
        """What a token proves at `now` (epoch seconds); its key is fetched when it is not at hand.

        Raises:
            Rejected: as `verify_at_hand`.
            Unavailable: `revocation_stale`, `keys_unavailable`.
        """
        try:
            return self.verify_at_hand(presented_token, now)
        except Rejected as refused:
            if refused.code != "token_key_unknown":
                raise
        parsed = parse_token(presented_token, self._policies, token_bytes_max=self._bytes_max)
        if find_key(parsed) is None:
            await parsed.policy.keys.refresh(parsed.presented.header.kid)
        return self.verify_at_hand(presented_token, now)

    def verify_at_hand(self, presented_token: bytes, now: int) -> Verified:
        """What a token proves at `now` (epoch seconds), by the keys at hand; fetches and waits for nothing.

        Raises:
            Rejected: every `token_…` code there is, `credential_expired`, `credential_revoked`.
            Unavailable: `revocation_stale`.
        """
        view = self._view
        if view is not None:
            view.require_fresh(self._monotonic())
        digest = sha256(presented_token).digest()
        seen = self._seen.get(digest)
        if seen is None:
            return self._verify_whole(presented_token, digest, now)
        proof = seen.proof
        try:
            if not is_still_good(proof, now):
                return self._verify_whole(presented_token, digest, now)
            if view is not None and seen.generation != view.generation:
                seen.generation = _require_unrevoked(proof, view)
        except Rejected:
            self._forget(digest)
            raise
        return proof.verified

    def _verify_whole(self, presented_token: bytes, digest: bytes, now: int) -> Verified:
        parsed = parse_token(presented_token, self._policies, token_bytes_max=self._bytes_max)
        proof = verify_token(parsed, now)
        generation = 0 if self._view is None else _require_unrevoked(proof, self._view)
        seen = self._seen
        self._forget(digest)
        octets = len(presented_token)
        while seen and (len(seen) >= self.tokens_kept or self._octets + octets > self.octets_kept):
            self._forget(next(iter(seen)))
        seen[digest] = _Seen(proof, generation, octets)
        self._octets += octets
        return proof.verified

    def _forget(self, digest: bytes) -> None:
        seen = self._seen.pop(digest, None)
        if seen is not None:
            self._octets -= seen.octets


def _require_unrevoked(proof: Proof, view: RevocationView) -> int:
    """The generation of the view at which nothing the proof rests on is revoked."""
    generation = view.generation
    verified = proof.verified
    if view.is_revoked(verified.handles, verified.since):
        raise Rejected("credential_revoked")
    return generation

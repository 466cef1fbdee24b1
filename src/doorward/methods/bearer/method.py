"""Bearer tokens as the pipeline sees them: the pieces of this folder behind the one contract of all methods.

A token brings its own record, so *load* means: take it apart, find its policy, and have the key it names, fetched if
need be. What the cache then keeps is the proof of that very token; it is asked for time and for moved keys on every
use, and the pipeline asks the feed.
"""

from typing import Final, Protocol, final

from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.methods.bearer.config import TOKENS_KEPT, IssuerPolicy, policies_by_issuer
from doorward.methods.bearer.verifier import TokenVerifier
from doorward.methods.bearer.verify import (
    METHOD,
    ParsedToken,
    Proof,
    find_key,
    is_still_good,
    parse_token,
    verify_token,
)
from doorward.methods.bearer.wire import PresentedToken, extract_token
from doorward.methods.contract import OpenApiScheme, Resource, Verified
from doorward.methods.plane import Plane
from doorward.wire.challenge import build_challenge
from doorward.wire.request import RequestView

__all__ = ["BearerTokens", "Confirmation", "LoadedToken"]

_CHALLENGES: Final = (build_challenge("Bearer", realm="doorward"),)


class Confirmation(Protocol):
    """Asks the issuer itself about a token (RFC 7662), for when our view of revocations is too old to say."""

    @property
    def issuer(self) -> str:
        """Whom it asks. It is shown tokens of that issuer and no others: whoever is shown a token can use it."""
        ...

    async def confirm(self, token: bytes) -> bool:
        """Whether a token that was verified here is still good, by the issuer's own word.

        Raises:
            Unavailable: `introspection_unavailable`.
        """
        ...


@final
class LoadedToken:
    """A token taken apart, or (once it was proven) what it proves. Belongs to one token under one policy."""

    __slots__ = ("parsed", "proof")

    def __init__(self, parsed: ParsedToken) -> None:
        self.parsed: ParsedToken | None = parsed
        self.proof: Proof | None = None

    def __repr__(self) -> str:
        return f"LoadedToken({self.proof!r})"


@final
class BearerTokens:
    """Admits access tokens of one or several issuers. `doorward.Bearer` makes one.

    Args:
        policies: one an issuer.
        plane: whose view of revocations is asked, and whose log is told; None: tokens cannot be taken back here.
        when_stale: whom to ask when that view is too old; None: refuse.
        resources: what the keys are fetched through: started and closed after them.

    Raises:
        Misconfigured: no policy, or two for one issuer; `when_stale` without a view that could be stale, or of an
            issuer whose tokens are not taken; an issuer of ours whose feed is not followed.
    """

    __slots__ = (
        "_bytes_max",
        "_policies",
        "_when_stale",
        "bearer_carried",
        "confirms",
        "counts_use",
        "name",
        "plane",
        "records_max",
        "resources",
    )

    def __init__(
        self,
        *policies: IssuerPolicy,
        plane: Plane | None = None,
        when_stale: Confirmation | None = None,
        resources: tuple[Resource, ...] = (),
    ) -> None:
        if when_stale is not None and plane is None:
            raise Misconfigured(
                "There is no view of revocations here that could become stale.",
                cure="Leave when_stale out, or say where revocations come from.",
            )
        self._policies: Final = policies_by_issuer(policies, revocable=plane is not None)
        if plane is None and any(policy.own for policy in policies):
            raise Misconfigured(
                "Tokens of an issuer of ours are to be taken without following its revocations.",
                cure='Say where they come from: revocation=RemoteRevocations("https://id.example", key=…).',
            )
        if when_stale is not None and when_stale.issuer not in self._policies:
            raise Misconfigured(
                f"when_stale asks {when_stale.issuer}, whose tokens are not taken here.",
                cure="Give its issuer exactly as the tokens say it: Introspection(…, issuer=…).",
            )
        self._bytes_max: Final = max(policy.token_bytes_max for policy in policies)
        self._when_stale: Final = when_stale
        self.name: Final = METHOD
        self.plane: Final = plane
        self.bearer_carried: Final = True
        self.counts_use: Final = False
        self.confirms: Final = when_stale is not None
        self.records_max: Final = TOKENS_KEPT
        self.resources: Final[tuple[Resource, ...]] = (*(policy.keys for policy in policies), *resources)

    def __repr__(self) -> str:
        return f"BearerTokens({', '.join(map(repr, self._policies))})"

    def extract(self, request: RequestView) -> PresentedToken | None:
        """See `wire.extract_token`."""
        return extract_token(request)

    async def load(self, presented: PresentedToken) -> LoadedToken | None:
        """The token taken apart; None when the issuer has no such key.

        Raises:
            Rejected: `token_malformed`, `token_header`, `token_issuer`, `token_algorithm`.
            Unavailable: `keys_unavailable`.
        """
        parsed = parse_token(presented.secret, self._policies, token_bytes_max=self._bytes_max)
        if find_key(parsed) is None:
            kid = parsed.presented.header.kid
            await parsed.policy.keys.refresh(kid)
            if find_key(parsed) is None:
                return None
        return LoadedToken(parsed)

    def verify(
        self,
        presented: PresentedToken,
        record: LoadedToken | None,
        request: RequestView,  # noqa: ARG002  # the contract's; a bearer token says nothing of the request
        now: int,
    ) -> Verified:
        """See `verify.verify_token`; a proof of before is good until its time is over or the keys have moved."""
        if record is None:
            raise Rejected("token_key_unknown", "its issuer has no such key")
        proof = record.proof
        if proof is not None and is_still_good(proof, now):
            return proof.verified
        parsed = record.parsed
        if parsed is None:
            parsed = parse_token(presented.secret, self._policies, token_bytes_max=self._bytes_max)
        record.proof = proof = verify_token(parsed, now)
        # The claims live on in the principal; the rest has done its work.
        record.parsed = None
        return proof.verified

    async def confirm(self, presented: PresentedToken) -> bool:
        """Ask whoever is to be asked when the view is stale.

        Raises:
            Unavailable: `introspection_unavailable`; `revocation_stale` for a token of an issuer nobody can ask.
        """
        asked = self._when_stale
        assert asked is not None, "nobody is to be asked"
        parsed = parse_token(presented.secret, self._policies, token_bytes_max=self._bytes_max)
        if parsed.policy.issuer != asked.issuer:
            # A live token must not be shown to anybody but who made it.
            raise Unavailable("revocation_stale", f"nobody is to be asked about tokens of {parsed.policy.issuer}")
        return await asked.confirm(presented.secret)

    def verifier(self) -> TokenVerifier:
        """The same policies and the same view, for tokens that do not come by an HTTP request."""
        policies, more = self._policies.values(), self.resources[len(self._policies) :]
        if self.plane is None:
            return TokenVerifier(*policies, resources=more)
        return TokenVerifier(*policies, view=self.plane.view, resources=(self.plane, *more))

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:  # noqa: ARG002  # the same by any way
        """`Bearer`."""
        return _CHALLENGES

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """HTTP bearer."""
        return (OpenApiScheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}),)

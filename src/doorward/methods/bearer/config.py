"""What a verifier decides about one issuer's tokens before it sees any (RFC 8725 section 3).

Rules of this file:

* Everything a token could try to choose is chosen here: which issuer, which audiences, which keys, which algorithms,
  which kind of token. A token only says which of several policies it wants to be judged by.
* Names are compared byte for byte. `https://id.example` and `https://id.example/` are two issuers.
* Leeway is for other people's clocks: our own tokens expire at their second (invariant 13). A clock of ours that runs
  ahead must not kill a sign-in of this moment, so `iat` alone is given some room everywhere.
"""

from collections.abc import Mapping
from typing import Final, final

import msgspec
from msgspec.structs import replace

from doorward.crypto.jose.algorithms import REQUIREMENTS, Algorithm
from doorward.errors import Misconfigured, Rejected
from doorward.keys.port import KeySource
from doorward.methods.bearer.profiles import RFC9068, Profile
from doorward.revocation.folding import EPOCH_LIFETIME_S
from doorward.values.bounds import parse_organization_id

__all__ = [
    "ALGORITHMS",
    "AUDIENCES_MAX",
    "FOREIGN_LEEWAY_S",
    "FOREIGN_LIFETIME_S_MAX",
    "ISSUED_AHEAD_S",
    "ISSUER_CHARACTERS_MAX",
    "LEEWAY_S_MAX",
    "OWN_LIFETIME_S_MAX",
    "TOKENS_KEPT",
    "TOKEN_BYTES_MAX",
    "IssuerPolicy",
    "policies_by_issuer",
]

ALGORITHMS: Final = frozenset({Algorithm.ES256, Algorithm.RS256, Algorithm.PS256, Algorithm.EDDSA})
"""What is taken when nothing is said. No HMAC: whoever can verify with a shared secret can forge with it."""
TOKEN_BYTES_MAX: Final = 8_192
"""How long a token may be."""
TOKENS_KEPT: Final = 65_536
"""How many proven tokens a method keeps; a token is a few times as large as a record of the store."""
LEEWAY_S_MAX: Final = 300
"""How far another issuer's clock may be trusted to be off."""
FOREIGN_LEEWAY_S: Final = 30
"""How far it is, when nothing is said. Our own tokens have none."""
ISSUED_AHEAD_S: Final = 30
"""How far in the future a token of ours may have been issued: the clocks of two machines of ours."""
OWN_LIFETIME_S_MAX: Final = 86_400
"""How long a token of ours may live: a forged one of a stolen key could claim any `exp`."""
FOREIGN_LIFETIME_S_MAX: Final = EPOCH_LIFETIME_S - 86_400
"""How long another issuer's token may live where it can be taken back: a day less than the row that takes it back, for
clocks that are off. It would open again otherwise."""
AUDIENCES_MAX: Final = 64
"""How many names one resource may have."""
ISSUER_CHARACTERS_MAX: Final = 512
"""How long the name of an issuer may be."""


@final
class IssuerPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """One issuer, and what is taken from it.

    Args:
        issuer: exactly as `iss` says it; no space in it.
        audiences: names this resource goes by; a token must be for one of them. At least one.
        keys: this issuer's keys, and nobody else's.
        algorithms: which algorithms those keys may have.
        profile: how this issuer writes its tokens.
        own: whether it is ours: its tokens carry the watermark of our feed, and are void without.
        leeway_s: how far past `exp` and before `nbf` a token still holds; at most 300, and 0 for our own.
        issued_ahead_s: how far in the future `iat` may be.
        lifetime_s_max: the most that `exp` may be after `iat` (a token without `iat` is refused then); None: any, or
            89 days where the token can be taken back.
        token_bytes_max: the longest token, at most 8,192.
        organizations: which of our organizations another issuer means, by its own name of it. Without it a token of
            another issuer speaks for none of ours.

    Raises:
        Misconfigured: any of it cannot be.
    """

    issuer: str
    audiences: frozenset[str]
    keys: KeySource
    algorithms: frozenset[Algorithm] = ALGORITHMS
    profile: Profile = RFC9068
    own: bool = False
    leeway_s: int = 0
    issued_ahead_s: int = ISSUED_AHEAD_S
    lifetime_s_max: int | None = None
    token_bytes_max: int = TOKEN_BYTES_MAX
    organizations: Mapping[str, str] = msgspec.field(default_factory=dict)
    algorithm_names: frozenset[str] = frozenset()
    """Every `alg` the algorithms may be called by; worked out, never given."""

    @property
    def clock_fast_s(self) -> int:
        """How far `iat` may lie ahead of a moment at which the token was already there."""
        return max(self.leeway_s, self.issued_ahead_s)

    def __post_init__(self) -> None:
        _require_issuer(self.issuer)
        if not self.audiences or "" in self.audiences or len(self.audiences) > AUDIENCES_MAX:
            raise Misconfigured(
                f"Tokens of {self.issuer} are to be taken for {len(self.audiences)} audiences.",
                cure=f'Name this resource as the issuer does, 1 to {AUDIENCES_MAX} times: audience="https://api.example".',
            )
        if not self.algorithms:
            raise Misconfigured(
                f"Tokens of {self.issuer} are taken with no algorithm at all.", cure="Name at least one, like ES256."
            )
        self._require_times()
        self._require_organizations()
        names = frozenset[str]().union(*(REQUIREMENTS[algorithm].names for algorithm in self.algorithms))
        msgspec.structs.force_setattr(self, "algorithm_names", names)

    def _require_times(self) -> None:
        if not 0 <= self.leeway_s <= LEEWAY_S_MAX or not 0 <= self.issued_ahead_s <= LEEWAY_S_MAX:
            raise Misconfigured(
                f"A leeway of {max(self.leeway_s, self.issued_ahead_s, key=abs)} s for the clock of {self.issuer}.",
                cure=f"Set it between 0 and {LEEWAY_S_MAX} s; a clock that is further off has to be set.",
            )
        if self.own and self.leeway_s:
            raise Misconfigured(
                "Tokens of our own issuer are to be taken after they have expired.", cure="Leave leeway_s at 0."
            )
        if self.lifetime_s_max is not None and self.lifetime_s_max < 1:
            raise Misconfigured(
                f"Tokens that live {self.lifetime_s_max} s at most.", cure="Set lifetime_s_max to a second at least."
            )
        if not 1 <= self.token_bytes_max <= TOKEN_BYTES_MAX:
            raise Misconfigured(
                f"Tokens of {self.token_bytes_max} bytes at most.",
                cure=f"Set token_bytes_max between 1 and {TOKEN_BYTES_MAX}.",
            )

    def _require_organizations(self) -> None:
        try:
            for organization in self.organizations.values():
                parse_organization_id(organization)
        except Rejected:
            known = False
        else:
            known = not (self.own and self.organizations)
        if not known:
            raise Misconfigured(
                f"Organizations of {self.issuer} stand for what is no organization of ours, or it is our own issuer.",
                cure='Write organizations={"their-id": "our-id"} for another issuer.',
            )

    def __repr__(self) -> str:
        return f"IssuerPolicy({self.issuer!r}, audiences={sorted(self.audiences)!r}, profile={self.profile.name!r})"


def _require_issuer(issuer: str) -> None:
    # Ids of its tokens are told from ours by `<issuer> <id>`: a space in it would let one issuer speak for another.
    if not 0 < len(issuer) <= ISSUER_CHARACTERS_MAX or not issuer.isprintable() or " " in issuer:
        raise Misconfigured(
            f"{issuer[:ISSUER_CHARACTERS_MAX]!r} cannot be the name of an issuer.",
            cure="Write exactly what its tokens say as `iss`, like https://id.example.",
        )


def policies_by_issuer(policies: tuple[IssuerPolicy, ...], *, revocable: bool) -> Mapping[str, IssuerPolicy]:
    """Policies by the issuer they are for.

    Args:
        policies: one an issuer.
        revocable: whether what is revoked is asked here. Then no token may outlive a row about it.

    Raises:
        Misconfigured: none, or two for one issuer: which of them judged a token would be an accident; two of ours,
            whose watermarks are of two feeds; or one whose tokens may outlive what takes them back.
    """
    if not policies:
        raise Misconfigured("Tokens of no issuer are taken.", cure="Name one: Bearer(issuer=…, audience=…).")
    if sum(policy.own for policy in policies) > 1:
        raise Misconfigured(
            "Two issuers are both ours, and there is one feed of revocations to judge their tokens by.",
            cure="Make a Bearer for each, at a door of its own; or say `own` of the one whose feed is followed.",
        )
    by_issuer = {policy.issuer: _outlived(policy) if revocable else policy for policy in policies}
    if len(by_issuer) < len(policies):
        raise Misconfigured("One issuer is named twice.", cure="Name each issuer once; one policy may list audiences.")
    return by_issuer


def _outlived(policy: IssuerPolicy) -> IssuerPolicy:
    """The policy, under which no token outlives the row of the feed that takes it back."""
    if policy.lifetime_s_max is None:
        return replace(policy, lifetime_s_max=OWN_LIFETIME_S_MAX if policy.own else FOREIGN_LIFETIME_S_MAX)
    if policy.lifetime_s_max > FOREIGN_LIFETIME_S_MAX:
        raise Misconfigured(
            f"Tokens of {policy.issuer} may live {policy.lifetime_s_max} s, longer than what takes them back is kept.",
            cure=f"Set lifetime_s_max to {FOREIGN_LIFETIME_S_MAX} (89 days) at most.",
        )
    return policy

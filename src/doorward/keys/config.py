"""What a deployment may choose about its signing keys, and the spans it may not.

* A key is published one JWKS cache lifetime, and a margin, before it signs: no verifier that keeps to the cache rules
  meets a token of a key it does not know.
* A key that signs no more stays published until the last token it may have signed has expired everywhere.
"""

import re
from typing import Final, final

import msgspec

from doorward.crypto.jose.algorithms import Algorithm
from doorward.errors import Misconfigured

__all__ = [
    "ACCESS_TOKEN_LIFETIME_S_MAX",
    "ISSUER_CHARACTERS_MAX",
    "JWKS_MAX_AGE_S",
    "PUBLICATION_MARGIN_S",
    "RETIREMENT_S",
    "RING_KEYS_MAX",
    "RING_ROW_LIFETIME_S",
    "ROTATION_S",
    "SIGNING_ALGORITHMS",
    "RingPolicy",
    "require_issuer",
]

ACCESS_TOKEN_LIFETIME_S_MAX: Final = 86_400
"""How long an access token of ours may live."""
ISSUER_CHARACTERS_MAX: Final = 512
"""How long an issuer's name may be."""
JWKS_MAX_AGE_S: Final = 300
"""How long the public keys may be cached when nothing is said."""
JWKS_MAX_AGE_S_RANGE: Final = (60, 86_400)
PUBLICATION_MARGIN_S: Final = 120
"""How much longer than a cache's life a key is published before it signs: a process learns of a new key within the
bound of the feed (60 s when nothing is said), and clocks differ."""
RETIREMENT_S: Final = ACCESS_TOKEN_LIFETIME_S_MAX + 3_900
"""How long a key that signs no more stays published: the longest token, an hour for a process that has not heard of
the rotation (the largest `max_staleness_s`), and five minutes of leeway at verifiers."""
ROTATION_S: Final = 30 * 86_400
"""How long a key signs when nothing is said."""
ROTATION_S_RANGE: Final = (86_400, 366 * 86_400)
RING_KEYS_MAX: Final = 32
"""How many keys of one issuer may be published at once; a further rotation is refused until one has retired."""
RING_ROW_LIFETIME_S: Final = 7_200
"""How long a feed row that says a ring was changed is kept: rings are read again every minute anyway."""
SIGNING_ALGORITHMS: Final = frozenset(
    {Algorithm.ES256, Algorithm.RS256, Algorithm.PS256, Algorithm.EDDSA, Algorithm.HS256}
)
"""What a ring may sign with."""

_ISSUER: Final = re.compile(r"https?://[!-~]+")


@final
class RingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How the ring of one issuer is kept.

    `algorithm` is that of keys made from now on; keys that are there keep theirs. `Algorithm.HS256` is for a closed
    pair of services that share the secret: such a key is in no JWKS, and whoever can verify with it can sign.

    Raises:
        Misconfigured: a value out of range.
    """

    issuer: str
    algorithm: Algorithm = Algorithm.ES256
    rotation_s: int = ROTATION_S
    jwks_max_age_s: int = JWKS_MAX_AGE_S

    def __post_init__(self) -> None:
        require_issuer(self.issuer)
        if self.algorithm not in SIGNING_ALGORITHMS:
            known = ", ".join(sorted(algorithm.value for algorithm in SIGNING_ALGORITHMS))
            raise Misconfigured(f"Tokens are not signed with {self.algorithm.value}.", cure=f"Choose one of: {known}.")
        for name, value, (least, most) in (
            ("A rotation", self.rotation_s, ROTATION_S_RANGE),
            ("The age of a JWKS", self.jwks_max_age_s, JWKS_MAX_AGE_S_RANGE),
        ):
            if not least <= value <= most:
                raise Misconfigured(f"{name} of {value} s is out of range.", cure=f"Choose {least} to {most} seconds.")

    @property
    def published_ahead_s(self) -> int:
        """How long a key must have been published before it signs."""
        return self.jwks_max_age_s + PUBLICATION_MARGIN_S


def require_issuer(issuer: str) -> str:
    """An issuer's name is a URL without query and fragment (RFC 8414 section 2), taken exactly as it is written.

    Raises:
        Misconfigured: it is not.
    """
    if len(issuer) > ISSUER_CHARACTERS_MAX or not _ISSUER.fullmatch(issuer) or set(issuer) & set('?#@"\\'):
        raise Misconfigured(
            "The issuer is not the URL of one.",
            cure="Set `issuer` to a URL such as https://id.example: no query, no fragment, no space.",
        )
    return issuer

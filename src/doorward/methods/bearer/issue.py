"""Make the claims of a signed access token (RFC 9068), and refuse what no verifier of ours would take. Pure.

Nothing is written: a signed token is nowhere but with its holder, and what takes it back later is a row about something
it names (DESIGN section 7). So every token has a `jti`, and the watermark that says what it is older than.
"""

from typing import Final

from doorward.crypto.jose.base64url import encode_base64url
from doorward.errors import Rejected
from doorward.methods.token_order import TokenOrder, build_claims
from doorward.values import Entropy, Watermark

__all__ = ["ISSUED_BYTES_MAX", "JTI_OCTETS", "build_token_claims", "require_carriable"]

JTI_OCTETS: Final = 16
"""How much randomness a `jti` holds: two tokens of the same id would be revoked together."""
ISSUED_BYTES_MAX: Final = 8_192
"""How long a token we issue may be: what verifiers, and the header limits of servers, take."""


def build_token_claims(
    order: TokenOrder,
    *,
    issuer: str,
    subject: str,
    watermark: Watermark,
    now: int,
    entropy: Entropy,
    own_names: str | None = None,
) -> tuple[str, dict[str, object]]:
    """The new token's id, and its claims. Arguments as for `build_claims`."""
    jti = encode_base64url(entropy(JTI_OCTETS)).decode("ascii")
    return jti, build_claims(
        order, issuer=issuer, subject=subject, token_id=jti, watermark=watermark, now=now, own_names=own_names
    )


def require_carriable(text: str) -> str:
    """The token, unless it is too long to be presented.

    Raises:
        Rejected: `input_invalid`.
    """
    if len(text) > ISSUED_BYTES_MAX:
        raise Rejected("input_invalid", f"the token would have {len(text)} octets, more than the {ISSUED_BYTES_MAX}")
    return text

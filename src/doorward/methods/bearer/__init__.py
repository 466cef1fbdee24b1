"""Bearer tokens: JSON Web Tokens that an issuer has signed, verified here without asking anybody.

RFC 6750 (how they travel), RFC 7515 and 7519 (what they are), RFC 9068 (as access tokens), RFC 8725 (how not to verify
them). What each issuer's tokens look like is in `profiles.py`; how they are taken back is DESIGN section 7.

What it stops: a token that names its own algorithm or brings its own key; a token of one issuer under the key of
another; one for another resource; one that is no access token; one of before a revocation, within the feed's bound,
however it is spelled; one that claims to live for ever.

What it does not stop: whoever has the token may use it until it expires or is revoked (a token that is bound to a key
is refused here, so that it cannot be used without that key). Between a revocation and the moment the feed brings it,
the token still opens. Without a source of revocations, as with most foreign issuers, it opens until `exp`.
"""

from doorward.methods.bearer.config import IssuerPolicy
from doorward.methods.bearer.method import BearerTokens, Confirmation
from doorward.methods.bearer.verifier import TokenVerifier

__all__ = ["BearerTokens", "Confirmation", "IssuerPolicy", "TokenVerifier"]

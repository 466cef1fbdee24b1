"""HTTP message signatures (RFC 9421) of requests, with Content-Digest (RFC 9530) for their bodies.

What it stops: whoever can read or alter a request on its way can neither change what is covered nor send it elsewhere;
the secret or private key never travels; a request cannot be repeated later (`created`, and `nonce` once it is claimed).
What is not covered is not trusted, so a *profile* says what must be: method, authority, path, query, and the body.

What it does not stop: whoever holds the key is the caller. Headers that no profile demands and the caller does not sign
can be added, removed or changed on the way, `Content-Encoding` among them. A nonce is only looked at here; that it is
used once is the door's business.

Not here: signatures of responses, `Accept-Signature`, trailers (`;tr`) and components of another message (`;req`).
"""

from doorward.methods.signature.components import Message, message_of
from doorward.methods.signature.config import CoverageProfile
from doorward.methods.signature.digest import BodyCheck, content_digest
from doorward.methods.signature.profiles import DEFAULT_PROFILE, PROFILES
from doorward.methods.signature.sign import sign_request
from doorward.methods.signature.verify import VerifiedSignature, verify_request, verify_signature
from doorward.methods.signature.wire import PresentedSignature, parse_signatures

__all__ = [
    "DEFAULT_PROFILE",
    "PROFILES",
    "BodyCheck",
    "CoverageProfile",
    "Message",
    "PresentedSignature",
    "VerifiedSignature",
    "content_digest",
    "message_of",
    "parse_signatures",
    "sign_request",
    "verify_request",
    "verify_signature",
]

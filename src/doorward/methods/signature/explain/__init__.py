"""Why a signed request is refused: a bounded search for the change that makes its signature fit, told with its cure.

A signature base (RFC 9421 section 2.5) has one line for each part that is covered. The search puts in its lines what
proxies, frameworks and senders usually make of them, alone and in pairs, and asks whether the signature that came with
the request fits. A fit is a proof. The lines before and after are the diff.

What it must not become is a forging oracle. It makes no signature, knows no private half of a key, and shows neither a
secret nor a signature; header fields and query parameters that hold credentials are masked in the diff. It is for
whoever administers the keys.
"""

from doorward.methods.signature.explain.bases import BaseLine, base_lines, shown_component
from doorward.methods.signature.explain.explain import SignatureExplanation, SignatureFinding, explain_signature
from doorward.methods.signature.explain.keys import ExplainedKey

__all__ = [
    "BaseLine",
    "ExplainedKey",
    "SignatureExplanation",
    "SignatureFinding",
    "base_lines",
    "explain_signature",
    "shown_component",
]

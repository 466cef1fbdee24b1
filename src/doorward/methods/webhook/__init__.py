"""Webhooks: a message whose bytes are exactly what the sender signed, with HMAC or Ed25519.

Standard Webhooks (v1 and v1a), Svix, Stripe, GitHub, Slack, Shopify, Twilio, and a plain HMAC of the body in a header,
each a value in `schemes.py`. `explain/` says why a signature does not fit.

What it stops: a body that anything on the way has changed; a forged sender; an old delivery sent again (by its time,
and by a claim key of signed bytes only); an id that could be read two ways; a header made to be expensive.

What it does not stop: whoever has the secret is the sender. The URL, the method and the other headers are not signed
(Twilio signs the URL), so one secret must serve one endpoint. Schemes without a time are told from their replay only
for as long as claims are kept.
"""

from doorward.methods.webhook.schemes import SCHEMES, Encoding, Scheme, SecretForm, find_scheme, plain_scheme
from doorward.methods.webhook.secrets import WebhookSecret, parse_secret
from doorward.methods.webhook.sign import sign_delivery
from doorward.methods.webhook.verify import VerifiedDelivery, verify_delivery

__all__ = [
    "SCHEMES",
    "Encoding",
    "Scheme",
    "SecretForm",
    "VerifiedDelivery",
    "WebhookSecret",
    "find_scheme",
    "parse_secret",
    "plain_scheme",
    "sign_delivery",
    "verify_delivery",
]

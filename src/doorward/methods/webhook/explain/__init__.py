"""Why a signature does not fit: a bounded search for the change that makes it fit, told in a sentence with its cure.

The search knows the usual accidents (JSON written again, ends of lines, character sets, a secret decoded or not, a
signature in another spelling, a clock, a proxy's rewriting of the URL) alone and in pairs. A fit is a proof: nobody
makes an HMAC fit by chance. Where nothing fits, what the headers themselves show is told, marked as not proven.

What it must not become is a forging oracle. It never writes a secret, nor a signature, nor any octet of either, and it
only ever compares with signatures that came with the delivery. So it tells the holder of a delivery nothing he could
send. Still it is for whoever administers the secrets: with somebody else's secrets it would answer guesses about what
they signed.
"""

from doorward.methods.explaining.change import Change
from doorward.methods.webhook.explain.explain import Explanation, Finding, explain_delivery
from doorward.methods.webhook.explain.keys import SecretText
from doorward.methods.webhook.explain.stored import read_other_texts, read_texts

__all__ = ["Change", "Explanation", "Finding", "SecretText", "explain_delivery", "read_other_texts", "read_texts"]

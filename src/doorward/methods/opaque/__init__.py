"""Opaque access tokens: a generated secret that stands for a record, looked up rather than read.

The form is `<prefix>_token_<id><secret><checksum>` (`wire/credential.py`), carried as RFC 6750 says. Verified through
the store, or through introspection (RFC 7662) where there is no store; the result is that of a signed token, so a door
may take both.

What it stops: reading the database (only SHA-256 of 190 random bits is there); reading the token (it says nothing);
guessing and enumerating (unknown and wrong are one answer); a token for one resource at another (audiences); a token
that outlives its revocation, its sign-in, its client or its organization (the same feed as for signed tokens).

What it does not stop: whoever has the token is its bearer until it expires or is revoked. And it costs what signed
tokens do not: one write to make, a row while it lives, and one read (or one request to the issuer) in each process that
sees it for the first time.
"""

from doorward.methods.opaque.introspection import Introspector
from doorward.methods.opaque.method import IntrospectedTokens, OpaqueTokens

__all__ = ["IntrospectedTokens", "Introspector", "OpaqueTokens"]

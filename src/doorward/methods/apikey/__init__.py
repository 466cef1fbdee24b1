"""API keys: a generated secret that names an app, sent in a header with every request.

The form is `<prefix>_<live|test>_<id><secret><checksum>` (`wire/credential.py`); there is no specification of API
keys, so the house's own rules are in `docs/api-keys.md`. RFC 6750 and RFC 9110 section 11 rule the headers.

What it stops: reading the database (only SHA-256 of 190 random bits is there); guessing and enumerating (unknown and
wrong are one answer); a key in a URL; a test key in production; a key used from elsewhere (networks); a leaked key
living for ever (expiry by default, revocation within the feed's bound, rotation with overlap).

What it does not stop: whoever has the key is the app, until it expires or is revoked. A key is replayable, is not
bound to a message or to a connection, and names no human (`Principal.kind` is `app`).
"""

from doorward.methods.apikey.config import NEVER, ApiKeyConfig
from doorward.methods.apikey.method import ApiKeys

__all__ = ["NEVER", "ApiKeyConfig", "ApiKeys"]

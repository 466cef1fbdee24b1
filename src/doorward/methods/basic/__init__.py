"""HTTP Basic, made harmless: RFC 7617 with generated app passwords instead of people's own.

The user-id is the app's id, the password a secret of the form `<prefix>_pass_<id><secret><checksum>`
(`wire/credential.py`): generated, expiring, scoped, revocable one by one, and stored as SHA-256.

What it stops: a person's password in every request (none has the form, so none ever fits); a password in the clear
(refused unless the request came over TLS, before anything is compared); one that lives for ever; not knowing who
still uses it (`Deprecation`, `Sunset` and `Link` on every answer, and last use by password).

What it does not stop: the secret is in every request, so whoever sees one request has it until it expires or is
revoked. Use API keys or something better; this is for clients that can do nothing else.
"""

from doorward.methods.basic.config import BasicConfig
from doorward.methods.basic.method import Basic

__all__ = ["Basic", "BasicConfig"]

"""Client code for every method: one `auth=` for `httpx2`, `httpx` and `requests`.

`doorward.clients.httpx2`, `doorward.clients.httpx` and `doorward.clients.requests` each hold the same five names, made
for that library: `ApiKeyAuth`, `BasicAuth`, `BearerAuth`, `SignatureAuth`, `WebhookAuth`. Beside them, one file a
method says what is written into a request, without knowing any library.

What it stops: a credential over plain HTTP; one that goes along when a server redirects to another origin; a secret in
a `repr`, a log line or an error of ours; a token that is used until it fails; a signature over other bytes than are
sent.

What it does not stop: whoever calls the wrong host hands it the credential. An HTTP proxy that a library takes from the
environment sees what is sent over plain HTTP, to loopback too.
"""

from doorward.clients.bearer import IssuedToken
from doorward.clients.body import content_digest_of

__all__ = ["IssuedToken", "content_digest_of"]

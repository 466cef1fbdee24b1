"""`POST /introspect`: what a token of ours is worth, for resources that cannot judge it themselves (RFC 7662).

Rules of this file:

* Who asks comes through a door like everybody: an API key with the scope `doorward:tokens:introspect`.
* An answer is about tokens for the asker's own audiences, which are in the metadata of its key (`audience`, separated
  by spaces) and never in the request. About any other token, and about everything that is no good one, the answer is
  `{"active": false}` and not a word more (section 2.2): whoever breaks into one resource cannot learn what tokens for
  another say, nor whether a guess was one of them.
* Nothing is written and nothing kept; answers are not to be cached on the way.
"""

import time
from collections.abc import Callable
from typing import Final, final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.door import Door
from doorward.errors import Rejected, Unavailable
from doorward.frameworks.asgi import PRINCIPAL, Body, DoorMiddleware
from doorward.methods.contract import Verified
from doorward.server.answers import open_answer, send_answer
from doorward.server.audiences import audiences_of
from doorward.server.own_tokens import OwnTokens
from doorward.values import Clock
from doorward.wire.form import parse_form, require_form_type
from doorward.wire.hops import TrustedHops
from doorward.wire.render import Answer, render_refusal

__all__ = [
    "INTROSPECTION_BYTES_MAX",
    "INTROSPECTION_PATH",
    "Introspection",
    "introspection_routes",
]

INTROSPECTION_PATH: Final = "/introspect"
INTROSPECTION_BYTES_MAX: Final = 32 * 1024
"""How long the form may be: the longest token, every octet escaped, and something beside it."""

_INACTIVE: Final = open_answer(200, b'{"active":false}')


@final
class Introspection:
    """The endpoint, behind its door.

    Args:
        tokens: proves them.
        clock: epoch seconds.
        monotonic: seconds, for the age of the view.
    """

    def __init__(self, tokens: OwnTokens, *, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._tokens: Final = tokens
        self._clock: Final = clock
        self._monotonic: Final = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request that the door has admitted."""
        await send_answer(send, await self._answer(scope, receive))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        try:
            token = await _read_token(scope, receive)
            verified = await self._prove(token, audiences_of(scope[PRINCIPAL].metadata))
        except (Rejected, Unavailable) as refused:
            return render_refusal(refused)
        return _INACTIVE if verified is None else open_answer(200, _describe(verified))

    async def _prove(self, presented_token: str, audiences: frozenset[str]) -> Verified | None:
        if not audiences:
            return None
        try:
            return await self._tokens.prove(presented_token, audiences, int(self._clock()), self._monotonic())
        except Rejected:
            return None


def introspection_routes(tokens: OwnTokens, door: Door, *, hops: TrustedHops, clock: Clock) -> dict[str, ASGIApp]:
    """The line for the table of protocol routes."""
    return {INTROSPECTION_PATH: DoorMiddleware(Introspection(tokens, clock=clock), door, hops=hops)}


async def _read_token(scope: Scope, receive: Receive) -> str:
    """The one token of the form.

    Raises:
        Rejected: `method_not_allowed`, `request_malformed`, `body_too_large`, `header_repeated`.
    """
    if scope["method"] != "POST":
        raise Rejected("method_not_allowed", "introspection is asked with POST")
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    if len(types) > 1:
        raise Rejected("header_repeated", "content-type")
    require_form_type(types[0] if types else None)
    body = Body(receive)
    try:
        fields = parse_form(await body.read(INTROSPECTION_BYTES_MAX))
    finally:
        body.close()
    token = fields.get("token")
    if not token:
        raise Rejected("request_malformed", "the form has no token")
    return token


def _describe(verified: Verified) -> bytes:
    # Every claim, for the asker's audience is the token's: a signed one it could read itself.
    return msgspec.json.encode({"active": True, **verified.principal.claims, "token_type": "Bearer"})

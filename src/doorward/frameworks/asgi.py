"""A door in front of any ASGI application.

Rules of this file:

* The application is called only after the proof, with the answer headers added to whatever it sends.
* What the server hands over is used as it is: raw path, raw query, raw header list. Nothing is decoded before the
  proof, and the body is read only when a method asks for it; then the application still receives every byte.
* The client's address comes from the socket and the trusted hops. A server that has already replaced it by what a
  header says (uvicorn does so by default) is refused at the start: see `frameworks/peer.py`.
* A WebSocket is refused before it is accepted; a CORS preflight carries no credential, so it is answered here and
  reaches nobody (Fetch standard, section 4.8).
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from functools import lru_cache
from typing import Any, Final, final
from urllib.parse import quote

from doorward.door import NOTHING_CLAIMED, Admitted, Door, Settlement
from doorward.door.budget import source_of
from doorward.errors import Rejected, Unavailable
from doorward.frameworks.body import Body
from doorward.frameworks.lifespan import run_lifespan
from doorward.frameworks.peer import refuse_rewritten_peer
from doorward.frameworks.settling import release_all, run_settled
from doorward.wire.hops import TrustedHops, parse_address
from doorward.wire.render import Answer, render_refusal
from doorward.wire.request import Header, Peer, RequestView, index_headers

__all__ = [
    "ADMITTED",
    "ANSWER_HEADERS",
    "DOORS",
    "SETTLEMENTS",
    "ASGIApp",
    "Body",
    "DoorMiddleware",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "admit_all",
    "is_preflight",
    "refuse_websocket",
    "request_view",
    "run_behind",
    "send_answer",
    "send_preflight",
    "with_answer_headers",
]

# ASGI's own types: a scope and a message hold what the specification says for their `type`.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

ADMITTED: Final = "doorward.admitted"
"""Scope key: the doors that have admitted this request, with what each of them said."""
DOORS: Final = "__doorward_doors__"
"""Attribute of an endpoint that is behind doors."""
ANSWER_HEADERS: Final = "doorward.answer_headers"
"""Scope key: a list of headers the outermost layer adds to the answer, when a layer there does so."""
SETTLEMENTS: Final = "doorward.settlements"
"""Scope key: what was claimed for this request, until somebody has taken on to settle it."""
PRINCIPAL: Final = "doorward.principal"

_NO_HOPS: Final = TrustedHops()


@lru_cache(maxsize=16_384)
def _peer_at(address: str) -> Peer:
    return Peer(parse_address(address))


_UNIX_PEER: Final = Peer(None)


def request_view(scope: Scope, body: Body, hops: TrustedHops = _NO_HOPS) -> RequestView:
    """The request as the door sees it.

    Args:
        scope: an ASGI scope of type `http`, as the server made it.
        body: what `read_body` reads from.
        hops: which proxies are believed about the client's address and scheme.

    Raises:
        Rejected: `request_malformed` for forwarding headers of a trusted proxy that cannot be read.
    """
    client = scope.get("client")
    state = scope.get("state")
    peer = _peer_at(client[0]) if client else _UNIX_PEER
    if state and "peer_cert" in state:
        peer = Peer(peer.address, state["peer_cert"])
    headers: Sequence[Header] = scope["headers"]
    by_name = index_headers(headers)
    hop = hops.resolve(peer, scope.get("scheme", "http"), headers, by_name)
    body.source = source_of(hop.client)
    raw_path = scope.get("raw_path")
    if raw_path is None:
        raw_path = quote(scope["path"], safe="/").encode("ascii")
    query = scope.get("query_string", b"")
    return RequestView(
        method=scope["method"],
        raw_target=raw_path + b"?" + query if query else raw_path,
        headers=headers,
        scheme=hop.scheme,
        peer=peer,
        client=hop.client,
        forwarded=hop.forwarded,
        read_body=body.read,
        pass_body=body.pass_through,
        authority=hop.host,
        by_name=by_name,
    )


async def admit_all(
    doors: Iterable[Door], scope: Scope, body: Body, hops: TrustedHops = _NO_HOPS
) -> tuple[Header, ...] | Answer:
    """Let a request through every one of `doors`, in order; answers the headers for the answer, or the refusal.

    A door that has admitted this request already is not asked again. The principal of the last door is in
    `scope["doorward.principal"]` and `scope["state"]["principal"]`. What was claimed is in `scope[SETTLEMENTS]`, for
    the caller to settle, after a refusal too.
    """
    admitted: dict[Door, Admitted] = scope.setdefault(ADMITTED, {})
    headers: tuple[Header, ...] = ()
    request = None
    for door in doors:
        if door in admitted:
            continue
        try:
            if request is None:
                request = request_view(scope, body, hops)
            admission = await door.admit(request, admitted)
        except (Rejected, Unavailable) as refused:
            return door.refuse(refused, request)
        admitted[door] = admission
        body.leave_part()
        if admission.settlement is not NOTHING_CLAIMED:
            claimed: list[Settlement] = scope.setdefault(SETTLEMENTS, [])
            claimed.append(admission.settlement)
        headers += admission.answer_headers
        scope[PRINCIPAL] = admission.principal
        scope.setdefault("state", {})["principal"] = admission.principal
    return headers


async def run_behind(
    doors: Iterable[Door], app: ASGIApp, scope: Scope, receive: Receive, send: Send, hops: TrustedHops = _NO_HOPS
) -> None:
    """Run an application, or whatever stands for one, when every one of `doors` has admitted the request."""
    body = Body(receive, scope["headers"])
    try:
        outcome = await admit_all(doors, scope, body, hops)
        if isinstance(outcome, Answer):
            await send_answer(send, outcome)
            return
        send = with_answer_headers(scope, outcome, send)
        settlements = scope.pop(SETTLEMENTS, None)
        if settlements is None:
            await app(scope, body.receive, send)
        else:
            await run_settled(settlements, lambda settling: app(scope, body.receive, settling), send)
    finally:
        # First, and without waiting: where a scope is cut off, every wait after that is cut off too.
        body.close()
        if SETTLEMENTS in scope:
            # The first of two doors had claimed something, and the second refused, or did not come to it.
            await release_all(scope.pop(SETTLEMENTS))


def with_answer_headers(scope: Scope, headers: tuple[Header, ...], send: Send) -> Send:
    """A `send` that adds `headers` to the answer; `send` itself where an outer layer does so or there are none."""
    if not headers:
        return send
    outer = scope.get(ANSWER_HEADERS)
    if outer is not None:
        outer.extend(headers)
        return send

    def send_with_headers(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        return send(message)

    return send_with_headers


async def send_answer(send: Send, answer: Answer) -> None:
    """Send a whole answer."""
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body})


def is_preflight(scope: Scope) -> bool:
    """Whether this is a CORS preflight: OPTIONS with `Origin` and `Access-Control-Request-Method`."""
    if scope["method"] != "OPTIONS":
        return False
    names = {name for name, _ in scope["headers"]}
    return b"origin" in names and b"access-control-request-method" in names


async def send_preflight(send: Send) -> None:
    """Answer a preflight with nothing allowed: where CORS is wanted, a CORS middleware outside has answered before."""
    await send_answer(send, Answer(204, ((b"vary", b"origin"), (b"cache-control", b"no-store")), b""))


async def refuse_websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket before it is accepted: as an HTTP answer where the server can, else by closing it."""
    if "websocket.http.response" in scope.get("extensions", {}):
        answer = render_refusal(Rejected("no_door"))
        await receive()
        headers = list(answer.headers)
        await send({"type": "websocket.http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": answer.body})
    else:
        # 1008 policy violation (RFC 6455 section 7.4.1); before the accept, servers answer 403.
        await send({"type": "websocket.close", "code": 1008})


@final
class DoorMiddleware:
    """An ASGI application behind a door: every HTTP request is proven, WebSockets are refused.

    Args:
        app: called only for admitted requests; reads `scope["doorward.principal"]`.
        door: who may pass.
        hops: which proxies are believed; nobody by default.
    """

    def __init__(self, app: ASGIApp, door: Door, *, hops: TrustedHops = _NO_HOPS) -> None:
        self.app: Final = app
        self.door: Final = door
        self.doors: Final = (door,)
        setattr(self, DOORS, self.doors)
        self._hops: Final = hops
        self._peer_is_checked = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the module.

        Raises:
            Misconfigured: on the first request, when the server rewrites the peer's address.
        """
        if scope["type"] == "lifespan":
            await run_lifespan(self.app, self.doors, scope, receive, send)
            return
        if not self._peer_is_checked:
            refuse_rewritten_peer(scope)
            self._peer_is_checked = True
        if scope["type"] != "http":
            await refuse_websocket(scope, receive, send)
        elif is_preflight(scope):
            await send_preflight(send)
        else:
            await run_behind(self.doors, self.app, scope, receive, send, self._hops)

"""Bearer tokens that are renewed: before they end, and once when the peer refuses one.

Rules of this file:

* One renewal at a time. Two at once would spend one refresh token twice, which an authorization server answers by
  revoking everything (RFC 9700 section 4.14.2).
* What is known of a token's life is what its issuer said with it (`expires_in`, RFC 6749 section 5.1). The token itself
  is opaque to a client: it is not looked into.
* A refused token is renewed once. If the new one is refused too, the next renewal waits, so that a peer that refuses
  everything does not make a client hammer its issuer.
"""

import asyncio
import contextlib
import inspect
import re
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Final, NamedTuple, TypeAlias, final
from weakref import WeakKeyDictionary

import msgspec

from doorward.clients.outgoing import require_kind
from doorward.errors import Misconfigured

__all__ = ["REFUSAL_PAUSE_S", "RENEWED_EARLY_S", "IssuedToken", "RenewedTokens", "TokenSource"]

RENEWED_EARLY_S: Final = 30
"""How long before its end a token is renewed; half of its life, when that is less."""
REFUSAL_PAUSE_S: Final = 5
"""How long nothing is renewed after a token that replaced a refused one was itself refused."""
TOKEN_CHARACTERS_MAX: Final = 8 * 1024
"""How long a token may be."""

# RFC 6750 section 2.1, `b64token`.
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")


@final
class IssuedToken(msgspec.Struct, frozen=True):
    """A token, and for how many seconds it is good from when it was asked for; None when that was not said."""

    text: str
    lifetime_s: int | None = None

    def __repr__(self) -> str:
        return f"IssuedToken(<secret>, lifetime_s={self.lifetime_s})"

    def __rich_repr__(self) -> list[tuple[str, int | None]]:
        return [("lifetime_s", self.lifetime_s)]


Answer: TypeAlias = str | IssuedToken
TokenSource: TypeAlias = str | Callable[[], Answer] | Callable[[], Awaitable[Answer]]
"""A token, or what gets one: a function, or an async function."""


class _Held(NamedTuple):
    text: str
    good_until: float | None
    replaced_at: float | None
    """When it took the place of a refused one; None when it did not."""


_RENEWING: Final[ContextVar[object]] = ContextVar("doorward_renewing", default=None)


@final
class RenewedTokens:
    """The token of one client, shared by its threads or tasks.

    Args:
        source: a token, or what gets one.
        monotonic: seconds, of a clock that never goes back.

    Raises:
        Misconfigured: a token that cannot be one.
    """

    __slots__ = ("_async_locks", "_held", "_lock", "_monotonic", "_renew")

    def __init__(self, source: TokenSource, *, monotonic: Callable[[], float]) -> None:
        require_kind(
            source,
            (str, Callable),
            "A bearer token",
            cure="Give the access token as text, or a function that gets one.",
        )
        self._held: _Held | None = None
        self._renew: Final = None if isinstance(source, str) else source
        self._monotonic: Final = monotonic
        self._lock: Final = threading.Lock()
        self._async_locks: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()
        if isinstance(source, str):
            self._hold(source, asked_at=monotonic(), replaced=False)

    def __repr__(self) -> str:
        return f"RenewedTokens({'fixed' if self._renew is None else 'renewed'})"

    def current(self) -> str:
        """A token that is not about to end.

        Raises:
            Misconfigured: see `replace`.
        """
        held = self._good()
        if held is not None:
            return held
        with self._alone():
            return self._good() or self._fetch(replaced=False)

    def replace(self, refused: str) -> str | None:
        """Another token than the one that was refused; None when there is none to be had.

        Raises:
            Misconfigured: the source is async, uses the client it is for, or gives what is no token. Whatever the
                source itself raises passes through.
        """
        if self._renew is None:
            return None
        with self._alone():
            held = self._other(refused)
            if held is not None or not self._may_renew():
                return held
            fresh = self._fetch(replaced=True)
        return None if fresh == refused else fresh

    async def current_async(self) -> str:
        """As `current`, in a loop: the source may be async."""
        held = self._good()
        if held is not None:
            return held
        async with self._alone_async():
            return self._good() or await self._fetch_async(replaced=False)

    async def replace_async(self, refused: str) -> str | None:
        """As `replace`, in a loop."""
        if self._renew is None:
            return None
        async with self._alone_async():
            held = self._other(refused)
            if held is not None or not self._may_renew():
                return held
            fresh = await self._fetch_async(replaced=True)
        return None if fresh == refused else fresh

    def _good(self) -> str | None:
        held = self._held
        if held is None or (held.good_until is not None and self._monotonic() >= held.good_until):
            return None
        return held.text

    def _other(self, refused: str) -> str | None:
        """What somebody else has got meanwhile."""
        good = self._good()
        return None if good == refused else good

    def _may_renew(self) -> bool:
        replaced_at = None if self._held is None else self._held.replaced_at
        return replaced_at is None or self._monotonic() - replaced_at >= REFUSAL_PAUSE_S

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        self._refuse_circle()
        with self._lock:
            yield

    @contextlib.asynccontextmanager
    async def _alone_async(self) -> AsyncIterator[None]:
        self._refuse_circle()
        async with self._async_locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            yield

    def _refuse_circle(self) -> None:
        if _RENEWING.get() is self:
            # It would wait for itself.
            raise Misconfigured(
                "The token is fetched by the client that needs it.", cure="Fetch it with a client without this auth."
            )

    def _fetch(self, *, replaced: bool) -> str:
        asked_at = self._monotonic()
        with self._renewing():
            answer = self._ask()
        if inspect.isawaitable(answer):
            if inspect.iscoroutine(answer):
                answer.close()
            raise Misconfigured(
                "The token is fetched by an async function, and the client is not async.",
                cure="Give this client a plain function.",
            )
        return self._hold(answer, asked_at=asked_at, replaced=replaced)

    async def _fetch_async(self, *, replaced: bool) -> str:
        asked_at = self._monotonic()
        with self._renewing():
            answer = self._ask()
            if inspect.isawaitable(answer):
                answer = await answer
        return self._hold(answer, asked_at=asked_at, replaced=replaced)

    def _ask(self) -> Answer | Awaitable[Answer]:
        assert self._renew is not None, "a fixed token does not end"
        return self._renew()

    @contextlib.contextmanager
    def _renewing(self) -> Iterator[None]:
        before = _RENEWING.set(self)
        try:
            yield
        finally:
            _RENEWING.reset(before)

    def _hold(self, answer: object, *, asked_at: float, replaced: bool) -> str:
        text, lifetime_s = (answer.text, answer.lifetime_s) if isinstance(answer, IssuedToken) else (answer, None)
        if not isinstance(text, str) or len(text) > TOKEN_CHARACTERS_MAX or _TOKEN.fullmatch(text) is None:
            raise Misconfigured(
                "What should be a bearer token is empty, too long, or has other characters than RFC 6750 allows.",
                cure="Give the access token alone, as text or as IssuedToken, without its scheme.",
            )
        good_until = None if lifetime_s is None else asked_at + max(lifetime_s - RENEWED_EARLY_S, lifetime_s / 2)
        self._held = _Held(text, good_until, self._monotonic() if replaced else None)
        return text

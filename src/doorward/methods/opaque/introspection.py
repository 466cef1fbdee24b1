"""Asks the issuer about tokens (RFC 7662), as seldom as its bound allows. Sans I/O: it awaits its own port.

Rules of this file:

* An answer is believed for `answer_lifetime_s` (5 s unless said, 60 at most) and never past the token's end: the bound
  within which a revoked token is refused here.
* Answers are kept under the SHA-256 of the whole token and nothing shorter, so no token answers for another.
* One question in flight a token: a thousand requests with a new token ask once.
* What cannot be asked is refused as `introspection_unavailable`. A kept answer is not stretched over an outage.
"""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, final

from doorward.crypto.hashing import sha256_digest
from doorward.errors import Misconfigured, Unavailable
from doorward.methods.opaque.answer import Introspected, parse_answer
from doorward.methods.opaque.config import (
    ANSWER_LIFETIME_S,
    ANSWER_LIFETIME_S_MAX,
    INTROSPECTIONS_KEPT_MAX,
    require_audiences,
)
from doorward.values import Clock

__all__ = ["IntrospectionPort", "Introspector"]

QUESTIONS_IN_FLIGHT_MAX: Final = 256
"""How many different tokens may be asked about at once; the next one is told `overloaded`."""


class IntrospectionPort(Protocol):
    """Carries one question to the issuer."""

    async def ask(self, presented_token: bytes) -> bytes:
        """The body of the issuer's answer.

        Args:
            presented_token: printable ASCII, unverified.

        Raises:
            Unavailable: `introspection_unavailable`: no answer, or a refusal of *our* credential.
        """
        ...

    async def aclose(self) -> None:
        """Close what is open. Idempotent."""
        ...


@final
class Introspector:
    """Belongs to one event loop until it is closed.

    Args:
        port: how the issuer is reached.
        issuer: exactly what its answers say as `iss`.
        audiences: what this resource is called; a token must be for one of them.
        clock: epoch seconds.
        monotonic: seconds, for the age of answers.
        answer_lifetime_s: how long an answer is believed, above 0 and at most 60.

    Raises:
        Misconfigured: a lifetime outside of that, no audience, or an issuer that cannot be one.
    """

    def __init__(
        self,
        port: IntrospectionPort,
        *,
        issuer: str,
        audiences: tuple[str, ...],
        clock: Clock,
        monotonic: Callable[[], float],
        answer_lifetime_s: float = ANSWER_LIFETIME_S,
    ) -> None:
        if not 0 < answer_lifetime_s <= ANSWER_LIFETIME_S_MAX:
            raise Misconfigured(
                f"Answers of the issuer would be believed for {answer_lifetime_s} s.",
                cure=f"Set answer_lifetime_s above 0 and at most {ANSWER_LIFETIME_S_MAX:.0f}: revocations wait for it.",
            )
        if not issuer or " " in issuer or not issuer.isprintable():
            raise Misconfigured(
                f"{issuer!r} cannot be the name of an issuer.",
                cure="Write exactly what its answers say as `iss`, like https://id.example.",
            )
        require_audiences(audiences)
        self.issuer: Final = issuer
        self.answer_lifetime_s: Final = answer_lifetime_s
        self.clock: Final = clock
        self._audiences: Final = frozenset(audiences)
        self._port: Final = port
        self._monotonic: Final = monotonic
        self._kept: Final[dict[bytes, tuple[float, Introspected | None]]] = {}
        self._asking: Final[dict[bytes, asyncio.Task[Introspected | None]]] = {}

    def __repr__(self) -> str:
        return f"Introspector(issuer={self.issuer!r})"

    async def introspect(self, presented_token: bytes) -> Introspected | None:
        """What the issuer says of a token, now or a moment ago; None: it is not active.

        Raises:
            Unavailable: `introspection_unavailable`, `overloaded`.
        """
        digest = sha256_digest(presented_token)
        kept = self._find(digest)
        if kept is not None:
            return kept[1]
        return await self._ask_once(digest, presented_token)

    async def ask_now(self, presented_token: bytes) -> Introspected | None:
        """As `introspect`, but what was said of a token that is good here is asked anew: for callers that keep it
        themselves, or the two ages would add up.
        """
        digest = sha256_digest(presented_token)
        kept = self._find(digest)
        if kept is not None and (kept[1] is None or kept[1].barred is not None):
            # What nobody is let in by is kept by no caller: neither a guess nor a token for another resource is worth
            # a second question.
            return kept[1]
        return await self._ask_once(digest, presented_token)

    async def confirm(self, token: bytes) -> bool:
        """Whether the issuer calls this token active, and it is for this resource and not over: for signed tokens while
        the view of revocations is too old to be trusted.

        Raises:
            Unavailable: `introspection_unavailable`, `overloaded`.
        """
        said = await self.introspect(token)
        return said is not None and said.barred is None and int(self.clock()) < said.not_after

    async def start(self) -> None:
        """Nothing: an issuer that is away is no reason not to serve."""

    async def aclose(self) -> None:
        """Give up what is in flight, and close. Idempotent."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        self._kept.clear()
        await self._port.aclose()

    def _find(self, digest: bytes) -> tuple[float, Introspected | None] | None:
        kept = self._kept.get(digest)
        if kept is not None and self._monotonic() >= kept[0]:
            del self._kept[digest]
            return None
        return kept

    async def _ask_once(self, digest: bytes, presented_token: bytes) -> Introspected | None:
        pending = self._asking.get(digest)
        if pending is None:
            if len(self._asking) >= QUESTIONS_IN_FLIGHT_MAX:
                raise Unavailable("overloaded", f"{QUESTIONS_IN_FLIGHT_MAX} questions to the issuer are in flight")
            pending = asyncio.get_running_loop().create_task(self._ask(digest, presented_token))
            self._asking[digest] = pending
            pending.add_done_callback(lambda done: self._finish(digest, done))
        # Shielded: whoever asked first may hang up, and the others still want to know.
        return await asyncio.shield(pending)

    async def _ask(self, digest: bytes, presented_token: bytes) -> Introspected | None:
        # Counted from before the question: the answer may have been true only when it was given.
        believed_until = self._monotonic() + self.answer_lifetime_s
        answer = await self._port.ask(presented_token)
        said = parse_answer(
            answer,
            token_id=digest.hex()[:22],
            issuer=self.issuer,
            audiences=self._audiences,
            now=int(self.clock()),
        )
        self._kept.pop(digest, None)
        if len(self._kept) >= INTROSPECTIONS_KEPT_MAX:
            del self._kept[next(iter(self._kept))]
        self._kept[digest] = believed_until, said
        return said

    def _finish(self, digest: bytes, done: "asyncio.Task[Introspected | None]") -> None:
        self._asking.pop(digest, None)
        if not done.cancelled():
            # Seen by whoever still waits; when nobody does, asyncio would complain that nobody looked.
            done.exception()

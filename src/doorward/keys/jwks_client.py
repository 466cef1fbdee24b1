"""The keys of an issuer elsewhere: its JWK set over HTTP, held in memory and kept current (RFC 7517 section 5).

Rules of this file:

* What callers send causes few fetches: one in flight, and at most one per cooldown, however many unknown `kid`s come.
* A bad answer changes nothing. A set without a usable key, an error, a page of HTML: the keys there are stay in force.
  Only a whole set with at least one usable key takes their place, and then all of it.
* Keys that could not be confirmed for `stale_s_max` are given up: an issuer that has revoked a key by taking it out
  must not be overruled for ever by an outage.
* A key that has left moves `generation`, so that what was verified with it is verified again.
* No wall clock is asked: everything here is measured by the process's own.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, final

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jwk import JWK_SET_BYTES_MAX, JWK_SET_KEYS_MAX, UnusableKey, VerificationKey, parse_jwk_set
from doorward.crypto.jose.key_set import KeySet
from doorward.errors import Misconfigured, Unavailable
from doorward.keys.documents import DISCOVERY_OCTETS_MAX, Document, DocumentPort, discovery_url, parse_discovery

__all__ = ["JwksClient"]

COOLDOWN_S: Final = 30.0
"""Between two fetches that unknown keys cause."""
REFRESH_S_MIN: Final = 60.0
"""A set is not fetched again sooner, whatever its publisher says."""
REFRESH_S_MAX: Final = 43_200.0
"""A set is fetched again after this long at the latest: early enough to fail for hours before keys are given up."""
REFRESH_S: Final = 600.0
"""When a set is fetched again if its publisher says nothing."""
STALE_S_MAX: Final = 86_400.0
"""How long keys that cannot be confirmed stay in force."""
FIRST_GAP_S: Final = 1.0
"""Between two fetches while there is no set at all."""
RETRY_S_MAX: Final = 60.0
"""Between two fetches in the background while the issuer is away."""

_LOG: Final = logging.getLogger("doorward.keys")
_NONE: Final = KeySet(())


@final
class JwksClient:
    """Implements `KeySource`. Belongs to the loop it is first used in, until it is closed.

    Args:
        documents: fetches.
        issuer: whose keys; asked for its `jwks_uri` when no `jwks_url` is given.
        jwks_url: where the set is.
        algorithms: keys of other algorithms are passed over. None: every algorithm that is no HMAC.
        cooldown_s: see `COOLDOWN_S`.
        stale_s_max: see `STALE_S_MAX`.
        keys_max: how many keys a set may hold.
        monotonic: seconds.
    """

    def __init__(
        self,
        documents: DocumentPort,
        *,
        issuer: str,
        jwks_url: str | None = None,
        algorithms: frozenset[Algorithm] | None = None,
        cooldown_s: float = COOLDOWN_S,
        stale_s_max: float = STALE_S_MAX,
        keys_max: int = JWK_SET_KEYS_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._documents: Final = documents
        self._issuer: Final = issuer
        self._configured_url: Final = jwks_url
        self._found_url: str | None = None
        self._algorithms: Final = algorithms if algorithms is not None else _PUBLIC
        self._cooldown_s: Final = cooldown_s
        self._stale_s_max: Final = stale_s_max
        self._keys_max: Final = keys_max
        self._monotonic: Final = monotonic
        self._keys = _NONE
        self._generation = 0
        self._confirmed_at = float("-inf")
        self._asked_at = float("-inf")
        self._refresh_s = REFRESH_S
        self._failures = 0
        self._fetching: asyncio.Task[None] | None = None
        self._background: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __repr__(self) -> str:
        return f"JwksClient(issuer={self._issuer!r}, keys={len(self._keys.keys)})"

    @property
    def generation(self) -> int:
        """See `KeySource`."""
        return self._generation

    @property
    def failures(self) -> int:
        """Fetches that have failed in a row."""
        return self._failures

    @property
    def age_s(self) -> float:
        """Seconds since the set was confirmed; infinite before the first."""
        return self._monotonic() - self._confirmed_at

    def find(self, kid: str | None, algorithm: str) -> VerificationKey | None:
        """See `KeySource`."""
        self._give_up_stale()
        return self._keys.find(kid, algorithm)

    async def refresh(self, kid: str | None) -> None:
        """See `KeySource`."""
        del kid  # whatever it is: the set is fetched whole, from where it always is
        self._enter_loop()
        self._give_up_stale()
        gap_s = self._cooldown_s if self._keys.keys else FIRST_GAP_S
        if self._fetching is not None or self._monotonic() - self._asked_at >= gap_s:
            await self._fetch_once()
        if not self._keys.keys:
            raise Unavailable("keys_unavailable", f"there are no keys of {self._issuer}")

    async def start(self) -> None:
        """See `KeySource`."""
        self._enter_loop()
        if not self._keys.keys:
            await self.refresh(None)

    async def aclose(self) -> None:
        """See `KeySource`. The keys stay, and age."""
        tasks = [task for task in (self._background, self._fetching) if task is not None]
        self._background = self._fetching = self._loop = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _enter_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop not in {None, loop}:
            raise Misconfigured(
                "The keys of an issuer are used from a second event loop.",
                cure="Make one door per event loop, or close it before another loop uses it.",
            )
        self._loop = loop
        if self._background is None or self._background.done():
            self._background = asyncio.create_task(self._keep_current(), name="doorward-jwks")

    async def _keep_current(self) -> None:
        while True:
            await asyncio.sleep(self._pause_s())
            self._give_up_stale()
            if self._monotonic() >= self._due_at():
                await self._fetch_once()

    def _due_at(self) -> float:
        """When the set is to be fetched again."""
        if self._failures:
            return self._asked_at + min(2.0 ** min(self._failures - 1, 10), RETRY_S_MAX)
        return self._confirmed_at + self._refresh_s

    def _pause_s(self) -> float:
        """Until something is to be done: a fetch, or giving up keys that are too old."""
        now = self._monotonic()
        due = self._due_at()
        if self._keys.keys:
            due = min(due, self._confirmed_at + self._stale_s_max)
        # Not to the second: nothing here is urgent, and a clock that stands still must not make this spin.
        return min(max(due - now, 0.5), REFRESH_S_MAX) if due > float("-inf") else FIRST_GAP_S

    def _give_up_stale(self) -> None:
        if self._keys.keys and self._monotonic() - self._confirmed_at >= self._stale_s_max:
            self._take(_NONE)

    async def _fetch_once(self) -> None:
        """Fetch, or wait for the fetch that is under way. Whoever gives up waiting does not end it for the others."""
        if self._fetching is None:
            self._asked_at = self._monotonic()
            self._fetching = asyncio.create_task(self._fetch(), name="doorward-jwks-fetch")
            self._fetching.add_done_callback(self._forget_fetch)
        await asyncio.shield(self._fetching)

    def _forget_fetch(self, task: "asyncio.Task[None]") -> None:
        if self._fetching is task:
            self._fetching = None

    async def _fetch(self) -> None:
        try:
            keys, document = await self._ask()
        except Unavailable as error:
            if self._failures == 0:
                _LOG.warning("fetching the keys of %s failed: %s", self._issuer, error.detail)
            self._failures += 1
            # It may have moved.
            self._found_url = None
            return
        except Exception:  # noqa: BLE001  # see below
            # Our own bug, or a driver's: the task must not die with it, the keys age and are given up.
            _LOG.exception("fetching the keys of %s failed", self._issuer)
            self._failures += 1
            return
        for reason in keys.skipped:
            _LOG.info("a key of %s is passed over: %s", self._issuer, reason)
        # What was kept from before is no answer: it is asked for again soon.
        self._failures = self._failures + 1 if document.age_s else 0
        # When it was asked for: what was taken out while the answer travelled may still be in it.
        self._confirmed_at = self._asked_at - document.age_s
        max_age_s = REFRESH_S if document.max_age_s is None else float(document.max_age_s)
        self._refresh_s = min(max(max_age_s, REFRESH_S_MIN), REFRESH_S_MAX)
        self._take(keys)

    async def _ask(self) -> tuple[KeySet, Document]:
        url = self._configured_url or self._found_url
        if url is None:
            described = await self._documents.fetch(discovery_url(self._issuer), octets_max=DISCOVERY_OCTETS_MAX)
            url = self._found_url = parse_discovery(described.body, issuer=self._issuer)
        document = await self._documents.fetch(url, octets_max=JWK_SET_BYTES_MAX)
        if document.age_s >= self._stale_s_max:
            raise Unavailable("keys_unavailable", "nobody answers, and what was kept is too old")
        try:
            keys = parse_jwk_set(document.body, algorithms=self._algorithms, keys_max=self._keys_max)
        except UnusableKey as error:
            raise Unavailable("keys_unavailable", error.reason) from None
        if not keys.keys:
            raise Unavailable("keys_unavailable", f"a set without a usable key: {'; '.join(keys.skipped) or 'empty'}")
        return keys, document

    def _take(self, keys: KeySet) -> None:
        if _identities(self._keys) - _identities(keys):
            self._generation += 1
        self._keys = keys


def _identities(keys: KeySet) -> set[tuple[str | None, Algorithm, str]]:
    return {(key.kid, key.algorithm, key.thumbprint) for key in keys.keys}


_PUBLIC: Final = frozenset(algorithm for algorithm in Algorithm if not algorithm.startswith("HS"))
"""A secret that is published is none: HMAC keys of a set count only where they were asked for."""

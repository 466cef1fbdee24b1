"""What the methods of a verifier without a database share: a view of its issuer's revocations, read over HTTP.

Rules of this file:

* It is ready when the feed was read whole, or when the view that was saved on its disk is fresh enough. Never with
  less: an empty view admits everybody who was ever revoked.
* While the issuer is away, verification goes on until the view is `max_staleness_s` old. Then everything is refused,
  unless `danger_accept_stale` was said.
* Nothing is counted or shared here: use and rate limits are the issuer's, which has a store.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from doorward.adapters.http.client import GuardedClient
from doorward.adapters.http.feed import HttpFeed
from doorward.adapters.http.url import OutboundUrl, parse_operator_url
from doorward.app.plane import PullOnlyFeed, VerificationLogs
from doorward.app.running import Running, survives
from doorward.audit.port import VerificationLog
from doorward.errors import Misconfigured, Unavailable
from doorward.methods.claims import Outcome
from doorward.methods.plane import Lease
from doorward.revocation.exchange import SentPage
from doorward.revocation.follower import Follower
from doorward.revocation.view import View
from doorward.values import Clock, CredentialId, MethodName, RateLimit

if TYPE_CHECKING:
    from doorward.adapters.files.saved_feed import SavedFeed
    from doorward.revocation.port import FeedPort

__all__ = ["RemoteRevocations"]

FEED_PATH: Final = "/revocations"
STALENESS_S_MIN: Final = 2.0
"""A view may not be asked to be fresher: it is confirmed once a second."""
STALENESS_S_MAX: Final = 86_400.0
"""How old a view may be allowed to become at most."""
_FOREVER_S: Final = 1e9

_NO_FEED: Final = "There is no feed of a Doorward there: give the URL at which `doorward serve` is reached."
# By how the failures of `adapters/http` begin; the first that fits.
_CURES: Final = (
    ("status 401", "It refuses the key: give one that is valid there (`doorward keys list` shows them)."),
    (
        "status 403",
        "The key lacks the scope doorward:revocations:read, or the metadata `audience`: make one with both.",
    ),
    ("status 404", _NO_FEED),
    ("an answer", _NO_FEED),
    ("no page of a feed", _NO_FEED),
    ("our own key", "Look at what `key` answers: the file must be there, and hold the text of the API key alone."),
    ("TLS", "Its certificate is not trusted here: say ca_file=, or look at the certificate."),
)
_UNREACHED: Final = "Look whether the issuer runs, and whether this machine reaches it."

_LOG: Final = logging.getLogger("doorward.plane")


@final
class _NoUsage:
    def count(self, method: MethodName, credential_id: CredentialId, now: int, source: str | None) -> None:
        """Tokens are not counted, anywhere (invariant 6)."""


@final
class _NoLeases:
    async def lease(
        self, credential_id: CredentialId, limit: RateLimit, *, want: int, give_back: int, give_back_bucket: int
    ) -> tuple[Lease, int]:
        """There is nothing to share."""
        del credential_id, limit, want, give_back, give_back_bucket
        raise AssertionError("a method with a rate limit on a plane without a store")


@final
class _NoClaims:
    """A store is what makes something be used once only; refusing is all that can be done without one."""

    async def reserve(self, owner: str, key: str, *, lease_s: int, keep_until: int) -> Outcome:
        del owner, key, lease_s, keep_until
        raise Unavailable("store_unavailable", "a verifier without a store has nowhere to claim")

    async def claim_once(self, owner: str, key: str, *, keep_until: int) -> bool:
        del owner, key, keep_until
        raise Unavailable("store_unavailable", "a verifier without a store has nowhere to claim")

    async def renew(self, owner: str, key: str, fence: int, *, lease_s: int) -> bool:
        del owner, key, fence, lease_s
        return False

    async def complete(self, owner: str, key: str, fence: int, *, kept_s: int) -> bool:
        del owner, key, fence, kept_s
        return False

    async def release(self, owner: str, key: str, fence: int) -> bool:
        del owner, key, fence
        return False


@final
class RemoteRevocations:
    """The revocations of an issuer elsewhere. Implements `Plane`; one for all methods of a process that trust it.

    Args:
        url: the issuer's, `https://id.example`; its feed is at `/revocations` below it.
        issuer: whose revocations these are, exactly as its tokens say `iss`, where `url` is another way to it. A door
            for another issuer's tokens refuses to be made with them.
        key: the text of an API key with the scope `doorward:revocations:read`, or what answers it (it is asked for
            every request, so that it can be rotated). What resources this verifier stands for is written in the key.
        saved_in: a folder for the last view and the issuer's public keys, so that a restart during an outage can
            answer. It is made, for this user alone. Without one, a restart while the issuer is away is not ready until
            it is back.
        max_staleness_s: how old the view may become before everything is refused.
        danger_accept_stale: go on with an older view. A revocation may then never arrive.
        ca_file: certificates to trust instead of the system's, PEM.
        danger_plain_http: let `url` be `http` on this machine. For development.
        pull_interval_s: how often the feed is read when nothing is pushed.
        push: whether to follow the stream as well.
        clock: epoch seconds.
        observers: told of every decision of a door.

    Raises:
        Misconfigured: the URL, the certificates or the key cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | Callable[[], str],
        issuer: str | None = None,
        saved_in: Path | None = None,
        max_staleness_s: float = 60.0,
        danger_accept_stale: bool = False,
        ca_file: Path | None = None,
        danger_plain_http: bool = False,
        pull_interval_s: float = 1.0,
        push: bool = True,
        clock: Clock = time.time,
        observers: tuple[VerificationLog, ...] = (),
    ) -> None:
        _require_bounds(max_staleness_s, pull_interval_s)
        self._url: Final = _feed_url(url, danger_plain_http=danger_plain_http)
        self.issuer: Final = url.rstrip("/") if issuer is None else issuer
        self._accepts_stale: Final = danger_accept_stale
        self.saved_in: Final = saved_in
        self._client: Final = GuardedClient(
            unavailable="store_unavailable", ca_file=ca_file, danger_plain_http=danger_plain_http
        )
        # Never an attribute as text: what shows attributes would show it.
        self._feed: Final = HttpFeed(
            self._client,
            self._url,
            key=_asked_for(key),
            pull_interval_s=pull_interval_s,
            monotonic=time.monotonic,
            require_ours=self._require_ours,
        )
        self._expected: Final[list[tuple[str, frozenset[str]]]] = []
        self._pull_interval_s: Final = pull_interval_s
        self._push: Final = push
        self.clock: Final = clock
        self.view: Final = View(_FOREVER_S if danger_accept_stale else max_staleness_s)
        self.usage: Final = _NoUsage()
        self.rate_leases: Final = _NoLeases()
        self.claims: Final = _NoClaims()
        self.verifications: Final[VerificationLog] = VerificationLogs(observers)
        self._saving, feed = self._saved_feed()
        self._follower: Final = Follower(feed, self.view, pull_interval_s=pull_interval_s)
        self._state: Final = Running("The view of an issuer's revocations")
        self._told: str | None = None

    def __repr__(self) -> str:
        return f"RemoteRevocations({self._url.origin!r}, watermark={self.view.watermark})"

    @property
    def started(self) -> bool:
        """See `Plane`."""
        return self._state.here

    @property
    def age_s(self) -> float:
        """How old the view is, in seconds; infinite before the first reading. For a metric and for alarms."""
        return self.view.age_s(time.monotonic())

    @property
    def rows_held(self) -> int:
        """How many revocations are held."""
        return self.view.rows_held

    @property
    def watermark(self) -> int:
        """How far the feed is known."""
        return self.view.watermark

    @property
    def failures(self) -> int:
        """Readings that have failed in a row."""
        return self._follower.failures

    @property
    def is_saving(self) -> bool:
        """Whether the view is being saved."""
        return self._saving is not None and self._saving.is_saving

    def expect(self, issuer: str, audiences: frozenset[str]) -> None:
        """Whose tokens rely on this feed, and for which resources: compared with what the issuer says of both.

        A feed of somebody else, or a key that reads for other resources, would go on without a word, and what is
        revoked would never arrive.
        """
        self._expected.append((issuer, audiences))

    def _require_ours(self, sent: SentPage) -> None:
        for issuer, audiences in self._expected:
            if sent.issuer not in {None, issuer}:
                raise Misconfigured(
                    f"The feed at {self._url.origin} is not that of {issuer}.",
                    cure="Give the URL of the issuer whose tokens are verified.",
                )
            if sent.audiences is not None and not audiences <= sent.audiences:
                raise Misconfigured(
                    f"The key of the feed does not read for {' '.join(sorted(audiences - sent.audiences))}.",
                    cure="Make one that does: doorward keys create … --scope doorward:revocations:read "
                    '--metadata audience="…", all of them separated by spaces.',
                )

    async def start(self) -> None:
        """See `Plane`.

        Raises:
            Misconfigured: it runs in another event loop, or the folder cannot be used.
            Unavailable: the issuer cannot be reached, or refuses our key, and no view that was saved is fresh enough.
        """
        await self._state.start(self._start_all)

    async def aclose(self) -> None:
        """See `Plane`."""
        await self._state.aclose(self._stop_all)

    async def _start_all(self) -> None:
        # It stays open when the start fails: what it has saved and what the view holds must not part.
        if self._saving is not None and not self._saving.is_open:
            await self._saving.open(self.view)
        try:
            await self._follow()
        except Unavailable as away:
            self._tell_why(away)
            raise
        self._told = None

    def _tell_why(self, away: Unavailable) -> None:
        """Log why the start failed. The same reason once: while the issuer is away every request asks for a start."""
        if away.detail == self._told:
            return
        self._told = away.detail
        _LOG.error(
            "the revocations of %s could not be read, so nothing is admitted: %s. %s",
            self._url.origin,
            away.detail or away.code,
            _cure_of(away.detail),
        )

    async def _follow(self) -> None:
        try:
            await self._follower.start()
        except Unavailable as away:
            try:
                self.view.require_fresh(time.monotonic())
            except Unavailable:
                raise away from None
            _LOG.warning(
                "the revocations of %s cannot be read (%s); going on with a view of %.0f s ago",
                self._url.origin,
                away.detail,
                self.age_s,
            )
            await self._follower.start(is_whole=True)

    async def _stop_all(self, running: bool) -> None:  # noqa: FBT001  # the shape `Running` calls
        self._told = None
        if running:
            await survives("stopping the follower", self._follower.aclose)
        await self._close_resources()

    async def _close_resources(self) -> None:
        if self._saving is not None:
            await survives("saving the view", self._saving.aclose)
        await survives("closing connections", self._client.aclose)

    def _saved_feed(self) -> "tuple[SavedFeed | None, FeedPort]":
        feed: FeedPort = self._feed if self._push else PullOnlyFeed(self._feed)
        if self.saved_in is None:
            return None, feed
        # Not on every platform: files are locked as POSIX does.
        from doorward.adapters.files.saved_feed import SavedFeed  # noqa: PLC0415

        saving = SavedFeed(feed, self.saved_in, self._url.origin + self._url.target)
        return saving, saving


def _cure_of(detail: str) -> str:
    return next((cure for beginning, cure in _CURES if detail.startswith(beginning)), _UNREACHED)


def _asked_for(key: str | Callable[[], str]) -> Callable[[], str]:
    if callable(key):
        return key
    if not key:
        raise Misconfigured(
            "RemoteRevocations was given an empty key.", cure="Give it an API key with doorward:revocations:read."
        )
    return lambda: key


def _feed_url(url: str, *, danger_plain_http: bool) -> OutboundUrl:
    return parse_operator_url(
        url.rstrip("/") + FEED_PATH, "The URL of RemoteRevocations", danger_plain_http=danger_plain_http
    )


def _require_bounds(max_staleness_s: float, pull_interval_s: float) -> None:
    if not STALENESS_S_MIN <= max_staleness_s <= STALENESS_S_MAX:
        raise Misconfigured(
            f"max_staleness_s is {max_staleness_s}.",
            cure=f"Set it from {STALENESS_S_MIN:.0f} to {STALENESS_S_MAX:.0f} seconds.",
        )
    if not 0.05 <= pull_interval_s <= max_staleness_s / 2:
        raise Misconfigured(
            f"pull_interval_s is {pull_interval_s}.", cure="Set it from 0.05 seconds to half of max_staleness_s."
        )

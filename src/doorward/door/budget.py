"""How often a source may fail to prove itself before its unknown credentials are no longer looked up.

Rules of this file:

* The budget buys *cold loads*: what an attacker wants with random ids is our database reads. A warm credential is
  verified whatever its source has done, so good callers behind the same address are not shut out.
* Only failures of proof are paid for: unknown, mismatch, malformed. An expired key is a proof.
* Where the body is the proof, a failure costs a body read and hashed, whether the record was warm or not. So there a
  source without failures left is asked for small bodies only, and for few at a time (`unproven.py`).
* Failures that are still being found out count too: as many loads may be under way for a source as it has failures
  left; further ones wait for those (they are not refused, or a restart behind one proxy would shut its users out).
* An IPv6 source is its /64, the least a subscriber gets. Sources without an address (UNIX sockets) are one source.
* The table is bounded. When it is full the source that has been quiet longest is forgotten. Whoever can speak from
  65,536 sources has that many budgets anyway, and forgetting never refuses anybody.
"""

import asyncio
from collections import OrderedDict, deque
from ipaddress import IPv4Address, IPv6Address
from math import ceil
from typing import Final, final

from doorward.errors import Misconfigured, Rejected

__all__ = ["SMALL_BODIES_MAX", "SOURCES_MAX", "FailureBudget", "Source", "SourceBudget", "source_of"]

SOURCES_MAX: Final = 65_536
"""How many sources are remembered."""
SMALL_BODIES_MAX: Final = 16
"""How many bodies are read at a time for a source that has used up its failures."""
_WINDOW_S: Final = 60.0

Source = int | str | tuple[int]


def source_of(client: IPv4Address | IPv6Address | None) -> Source:
    """What failures are counted by: an IPv4 address, an IPv6 /64, or the one source without an address."""
    if client is None:
        return "local"
    if client.version == 4:
        return int(client)
    mapped = client.ipv4_mapped
    # A tuple, so that a /64 can never be taken for an IPv4 address of the same number.
    return int(mapped) if mapped is not None else (int(client) >> 64,)


@final
class SourceBudget:
    """What one source has left. Kept by whoever is inside, so forgetting it in the table loses nothing of theirs."""

    __slots__ = ("filled_at", "loading", "reading", "source", "tokens", "waiting")

    def __init__(self, source: Source, tokens: float, filled_at: float) -> None:
        self.source: Final = source
        self.tokens = tokens
        self.filled_at = filled_at
        self.loading = 0
        self.reading = 0
        self.waiting: deque[asyncio.Future[None]] = deque()


@final
class FailureBudget:
    """A token bucket per source: `failures_per_minute` at once, and as many again per minute.

    Args:
        failures_per_minute: 1 to 1,000,000.
        sources_max: how many sources are remembered.
    """

    __slots__ = ("_per_s", "_sources", "failures_per_minute", "sources_max")

    def __init__(self, failures_per_minute: int = 20, *, sources_max: int = SOURCES_MAX) -> None:
        if not 1 <= failures_per_minute <= 1_000_000:
            raise Misconfigured(
                f"A failure budget of {failures_per_minute} per minute cannot work.",
                cure="Set failures_per_minute between 1 and 1,000,000.",
            )
        self.failures_per_minute: Final = failures_per_minute
        self.sources_max: Final = sources_max
        self._per_s: Final = failures_per_minute / _WINDOW_S
        self._sources: Final[OrderedDict[Source, SourceBudget]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def enter(self, source: Source, now_monotonic: float) -> SourceBudget | None:
        """Begin a cold load: the budget to leave again, or None when it must be waited for (`wait_to_enter`).

        Raises:
            Rejected: `source_throttled` with the seconds until one more failure is allowed.
        """
        budget = self.require(source, now_monotonic)
        if budget.loading >= int(budget.tokens):
            return None
        budget.loading += 1
        return budget

    def require(self, source: Source, now_monotonic: float) -> SourceBudget:
        """The budget of a source that has failures left. Raises as `enter`."""
        budget = self._refilled(source, now_monotonic)
        if budget.tokens < 1:
            raise self.throttled(budget)
        return budget

    def has_failures_left(self, source: Source, now_monotonic: float) -> bool:
        """Whether `require` would pass. A source that owes nothing is not remembered for being asked about."""
        return source not in self._sources or self._refilled(source, now_monotonic).tokens >= 1

    def throttled(self, budget: SourceBudget) -> Rejected:
        """The refusal of a source that has used up its failures: `source_throttled`."""
        return Rejected("source_throttled", retry_after_s=max(1, ceil((1 - budget.tokens) / self._per_s)))

    def enter_small(self, source: Source, now_monotonic: float) -> SourceBudget:
        """Begin to read a small body of a source without failures left: the budget to leave again (`leave_small`).

        Raises:
            Rejected: `source_throttled`: as many are being read as may be at a time.
        """
        budget = self._refilled(source, now_monotonic)
        if budget.reading >= SMALL_BODIES_MAX:
            raise self.throttled(budget)
        budget.reading += 1
        return budget

    def leave_small(self, budget: SourceBudget) -> None:
        """The body has been read, or not."""
        budget.reading -= 1

    async def wait_to_enter(self, source: Source, now_monotonic: float) -> SourceBudget:
        """As `enter`, after loads of the same source that are under way."""
        while True:
            entered = self.enter(source, now_monotonic)
            if entered is not None:
                return entered
            budget = self._sources[source]
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            budget.waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                # The turn may have been given to a request that is gone: pass it on, or the rest wait for ever.
                _wake(budget, 1)
                raise

    def leave(self, budget: SourceBudget, *, failed: bool) -> None:
        """End a cold load."""
        budget.loading -= 1
        if failed:
            budget.tokens -= 1
        if budget.waiting:
            # With nothing left everybody is woken, to be refused instead of waiting for a load that never comes.
            free = int(budget.tokens) - budget.loading
            _wake(budget, len(budget.waiting) if budget.tokens < 1 else free)
        elif (
            budget.loading == 0
            and budget.tokens >= self.failures_per_minute
            and self._sources.get(budget.source) is budget
        ):
            # Only sources that owe something are worth remembering.
            del self._sources[budget.source]

    def fail(self, source: Source, now_monotonic: float) -> None:
        """A failure that cost no load: malformed, or a wrong secret for a warm id."""
        self._refilled(source, now_monotonic).tokens -= 1

    def _refilled(self, source: Source, now_monotonic: float) -> SourceBudget:
        budget = self._sources.get(source)
        if budget is None:
            if len(self._sources) >= self.sources_max:
                self._sources.popitem(last=False)
            budget = self._sources[source] = SourceBudget(source, float(self.failures_per_minute), now_monotonic)
            return budget
        passed_s = max(0.0, now_monotonic - budget.filled_at)
        # Never far below zero: whoever keeps failing on warm ids is let in again a minute after he stops.
        budget.tokens = max(-1.0 * self.failures_per_minute, budget.tokens)
        budget.tokens = min(float(self.failures_per_minute), budget.tokens + passed_s * self._per_s)
        budget.filled_at = max(budget.filled_at, now_monotonic)
        self._sources.move_to_end(source)
        return budget


def _wake(budget: SourceBudget, turns: int) -> None:
    while turns > 0 and budget.waiting:
        turn = budget.waiting.popleft()
        if not turn.done():
            turn.set_result(None)
            turns -= 1

"""How many refusals of nobody in particular the log of verifications takes.

Rules of this file:

* Whoever holds no key can be refused as often as he likes, and the log's history is bounded: without a cap he pushes
  out, at the speed of the network, what the log says about everybody else.
* What is over the cap is counted by code, and the counts are a record of the chain: no refusal is lost in silence.
* Refills come from the log's timer and not from a clock, so a stalled loop makes the cap stricter, never looser.
"""

from typing import Final, final

from doorward.audit.log_lines import SuppressedRecord

__all__ = ["RefusalCap"]

CODES_MAX: Final = 128
"""How many codes are counted apart; there are fewer in `errors.REFUSALS`, and the record must stay one line."""
OTHER_CODES: Final = "other"


@final
class RefusalCap:
    """A bucket of refusals.

    Args:
        refusals_per_s: how many may be written in the long run, at least 1.
        burst_refusals: how many may be written at once after a quiet time.
    """

    __slots__ = ("_burst_refusals", "_codes", "_left", "_refusals_per_s", "_since")

    def __init__(self, *, refusals_per_s: float, burst_refusals: int) -> None:
        assert refusals_per_s >= 1, "a log that tells of no refusal at all"
        assert burst_refusals >= 1, "a log that tells of no refusal at all"
        self._refusals_per_s: Final = refusals_per_s
        self._burst_refusals: Final = burst_refusals
        self._left: float = burst_refusals
        self._codes: Final[dict[str, int]] = {}
        self._since = 0

    @property
    def suppressed(self) -> int:
        """Refusals over the cap of which no record tells yet."""
        return sum(self._codes.values())

    def admits(self, at: int, code: str) -> bool:
        """Whether a refusal is to be written; if not, it has been counted. `at` is epoch seconds."""
        if self._left >= 1:
            self._left -= 1
            return True
        codes = self._codes
        if not codes:
            self._since = at
        if code not in codes and len(codes) >= CODES_MAX:
            code = OTHER_CODES
        codes[code] = codes.get(code, 0) + 1
        return False

    def refill(self, elapsed_s: float) -> None:
        """So much time has passed since the last refill, or more."""
        self._left = min(self._burst_refusals, self._left + elapsed_s * self._refusals_per_s)

    def told(self, now: int) -> SuppressedRecord | None:
        """The record of what was suppressed; None when nothing was. Stays so until `forget`."""
        return SuppressedRecord(now, self._since, dict(self._codes)) if self._codes else None

    def forget(self) -> None:
        """The record of what was suppressed is in the file."""
        self._codes.clear()

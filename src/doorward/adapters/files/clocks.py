"""How old something is that a process before this one wrote down.

Rules of this file:

* Within one boot of the machine, `CLOCK_BOOTTIME` counts: nobody can set it, and it goes on while the machine sleeps.
* The wall clock is all there is across boots, and it is asked within one as well: a machine that was resumed from a
  snapshot has the same boot and has not noticed that days have passed. The greater age counts.
* An age that cannot be (a clock that was set back) is infinite: too old, never too young.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, final

import msgspec

__all__ = ["Clocks", "Moment"]

_BOOT_ID_FILE: Final = Path("/proc/sys/kernel/random/boot_id")


@final
class Moment(msgspec.Struct, frozen=True):
    """A point in time by every clock there is. `booted_s` belongs to the boot of that id."""

    boot_id: str | None
    booted_s: float
    wall_s: float


@final
class Clocks:
    """This machine's clocks.

    Args:
        boot_id: names this boot of the machine; None where nothing does.
        booted: seconds since the boot, sleep included.
        wall: epoch seconds.
    """

    def __init__(
        self,
        *,
        boot_id: str | None = None,
        booted: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._boot_id: Final = boot_id
        self._booted: Final = booted
        self._wall: Final = wall

    @classmethod
    def of_this_machine(cls) -> "Clocks":
        """Linux tells its boots apart; elsewhere the wall clock is all there is."""
        try:
            boot_id = _BOOT_ID_FILE.read_text(encoding="ascii").strip()
            clock = time.CLOCK_BOOTTIME
        except (OSError, AttributeError):
            return cls()
        return cls(boot_id=boot_id, booted=lambda: time.clock_gettime(clock))

    def moment(self, ago_s: float = 0.0) -> Moment:
        """The moment that was `ago_s` seconds ago."""
        return Moment(self._boot_id, self._booted() - ago_s, self._wall() - ago_s)

    def age_s(self, moment: Moment) -> float:
        """Seconds since then; infinite where that cannot be told."""
        by_wall_s = self._wall() - moment.wall_s
        if moment.boot_id is None or moment.boot_id != self._boot_id:
            return by_wall_s if by_wall_s >= 0 else float("inf")
        by_boot_s = self._booted() - moment.booted_s
        return max(by_boot_s, by_wall_s) if by_boot_s >= 0 else float("inf")

"""What rests sealed and is over is erased, by whichever process serves: secrets that have expired or were rotated away.

Rules of this file:

* A day after its end: until then its holder is told that it has expired, and an explanation can say so too.
* Each erasure is a change like any other, with its event, so a process without master keys, which can record nothing,
  erases nothing.
* Many processes do it, and none waits for another: whoever comes second finds it done.
* It is never in the way: a minute after the start, then once an hour, a page of rows at a time. What fails is logged
  and tried again.
* Nothing is undone by erasing too late, and nothing brings back what was erased too early. So a clock that leaps ahead
  is not believed: time has passed when the process's own clock says so too.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol, final

from doorward.errors import Unavailable
from doorward.methods.claims import CLOCK_SLACK_S
from doorward.methods.signature.ended import erase_ended_key_secrets
from doorward.methods.signature.recovery import ResealingStore
from doorward.methods.webhook.ended import erase_ended_webhook_secrets
from doorward.methods.webhook.operations import SenderStore
from doorward.values import Actor

__all__ = ["ENDED_KEPT_S", "ERASER", "ErasingStore", "SecretEraser", "erase_ended_secrets"]

ENDED_KEPT_S: Final = 86_400
"""How long a secret whose time is over rests sealed before it is erased."""
FIRST_AFTER_S: Final = 60.0
INTERVAL_S: Final = 3_600.0
ERASER: Final = Actor(kind="system", id="eraser")

_LOG: Final = logging.getLogger("doorward.erasing")


class ErasingStore(SenderStore, ResealingStore, Protocol):
    """What is needed of a store: all whose secrets end."""


async def erase_ended_secrets(store: ErasingStore, *, now: int | None = None) -> int:
    """Erase what ended a day ago and is still sealed; answers how many secrets that were.

    Args:
        store: see `ErasingStore`.
        now: epoch seconds; None: what the store's clock says.

    Raises:
        Misconfigured: there are no master keys, so it could not be recorded.
        Unavailable: `store_unavailable`; doing it again is safe.
    """
    before = (int(store.clock()) if now is None else now) - ENDED_KEPT_S
    keys = await erase_ended_key_secrets(store, before=before, actor=ERASER)
    return keys + await erase_ended_webhook_secrets(store, before=before, actor=ERASER)


@final
class SecretEraser:
    """Does it in the background, from `start` to `aclose`.

    Args:
        store: open while it runs.
        first_after_s: how long after the start; a process that lives for a moment does not begin.
        interval_s: how long between two passes.
        monotonic: the process's own clock, in seconds.
    """

    def __init__(
        self,
        store: ErasingStore,
        *,
        first_after_s: float = FIRST_AFTER_S,
        interval_s: float = INTERVAL_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store: Final = store
        self._monotonic: Final = monotonic
        self._first_after_s: Final = first_after_s
        self._interval_s: Final = interval_s
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin. Idempotent."""
        if self._task is None and self._store.master_keys is not None:
            ahead_s = self._store.clock() - self._monotonic()
            self._task = asyncio.create_task(self._run(ahead_s), name="doorward-eraser")

    async def aclose(self) -> None:
        """End. Idempotent; afterwards another loop may start it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self, ahead_s: float) -> None:
        rest_s = self._first_after_s
        while True:
            await asyncio.sleep(rest_s)
            rest_s = self._interval_s
            try:
                now = min(self._store.clock(), self._monotonic() + ahead_s + CLOCK_SLACK_S)
                erased = await erase_ended_secrets(self._store, now=int(now))
            except Unavailable as error:
                _LOG.warning("secrets that are over could not be erased: %s", error.detail or error.code)
            except Exception:  # noqa: BLE001  # the edge of a task nobody awaits: logged, and tried again
                _LOG.exception("secrets that are over could not be erased")
            else:
                if erased:
                    _LOG.info("%d secrets that were over are erased", erased)

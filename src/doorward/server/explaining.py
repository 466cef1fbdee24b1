"""Explanations for administrators of a running server: each in a process of its own, one at a time.

Why a process: a search takes up to two seconds of a processor, mostly short hashes in Python, which hold the
interpreter's lock. In a thread it takes half of what the event loop serves meanwhile, or more on an idle machine, for a
process only competes for processors (`docs/benchmarks.md`, "Explaining beside serving"). Besides, a process can be
stopped and confined, and what it held of secrets is gone with it.

Rules of this file:

* One at a time in each serving process, a few wait, and whoever comes then is told so (`overloaded`): waiting in line
  only grows the line.
* The task goes through a pipe, never through arguments or the environment, which others on the machine can read.
* The process is given nothing of our environment but what Python needs to start: settings hold the master key.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final, final

import msgspec
import structlog

from doorward.errors import Unavailable
from doorward.server.explaining_task import ExplainingTask, Told

__all__ = ["Explainer"]

EXPLANATIONS_WAITING_MAX: Final = 4
"""How many explanations wait for their turn in one process."""
EXPLANATION_TIMEOUT_S: Final = 30.0
"""How long one may take by the clock: it gives way to everybody, so on a busy machine it waits a lot."""

_MODULE: Final = "doorward.server.explaining_task"
_OF_PYTHON: Final = ("LD_LIBRARY_PATH", "PYTHONHOME")
_PACKAGE_IS_IN: Final = Path(__file__).resolve().parents[2]
_INSTALLED_IN: Final = frozenset({"dist-packages", "site-packages"})
_log: Final = structlog.stdlib.get_logger("doorward.server")


@final
class Explainer:
    """Runs them. Belongs to the event loop it is used in."""

    def __init__(self, *, timeout_s: float = EXPLANATION_TIMEOUT_S) -> None:
        self._turn: Final = asyncio.Semaphore(1)
        self._timeout_s: Final = timeout_s
        self._waiting = 0

    async def explain(self, task: ExplainingTask) -> Told:
        """What was found.

        Args:
            task: with only such secrets as the caller may administer.

        Raises:
            Unavailable: `overloaded`: too many wait, or it took too long or too much.
        """
        if self._waiting > EXPLANATIONS_WAITING_MAX:
            raise Unavailable("overloaded", "too many explanations wait", retry_after_s=2)
        self._waiting += 1
        try:
            async with self._turn:
                output = await _run(msgspec.msgpack.encode(task), self._timeout_s)
        finally:
            self._waiting -= 1
        return msgspec.msgpack.decode(output, type=Told)


async def _run(encoded: bytes, timeout_s: float) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # Never the working directory: whoever can write there would be handed secrets.
        "-P",
        "-m",
        _MODULE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # An exception may quote what was being decoded.
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        async with asyncio.timeout(timeout_s):
            output, _ = await process.communicate(encoded)
    except TimeoutError:
        raise Unavailable("overloaded", "the explanation took too long", retry_after_s=10) from None
    finally:
        if process.returncode is None:
            # Also when nobody waits for the answer any more.
            process.kill()
            await process.wait()
    if process.returncode != 0:
        _log.error("an explanation ended early", returncode=process.returncode)
        raise Unavailable("overloaded", f"the process of the explanation ended with {process.returncode}")
    return output


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _OF_PYTHON if name in os.environ}
    # The same modules as here, also from a source tree that was never installed. Never all of our own path: a server
    # that was started with `python -m` has the working directory in it, by its name.
    installed = (place for place in sys.path if Path(place).name in _INSTALLED_IN)
    return {**kept, "PYTHONPATH": os.pathsep.join((str(_PACKAGE_IS_IN), *installed))}

"""What a million live revocations cost a verifier: memory, the time to load them, and what a question takes then.

Run by itself (`python -m bench.revoked_memory CHILD URL`) it is the verifier: a process with nothing but the view.
"""

import asyncio
import gc
import itertools
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.measure import Line, Verdict, quantile
from bench.stock import sqlite_database

from doorward.adapters.sql.open import open_sql
from doorward.revocation.follower import Follower
from doorward.revocation.port import FeedPage
from doorward.revocation.view import View
from doorward.values import FeedKind, Handle, Watermark

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "1,000,000 live revocations"
NOTE: Final = (
    "A process of its own that follows a feed on SQLite: resident memory above the same process with an empty feed, "
    "and the longest time its event loop did not answer while a million rows were loaded. Tokens end within 24 hours, "
    "so most rows leave at different times; subjects are UUIDs. What was imported is frozen (`gc.freeze`): to collect "
    "its garbage once more takes 40 ms, with or without revocations."
)
_ROWS: Final = 1_000_000
_GATE_MB: Final = 150
_MEGABYTE: Final = 1_000_000
_BASE64URL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ROOT: Final = Path(__file__).resolve().parent.parent


def _ids(kind: str) -> Iterator[str]:
    chance = random.Random(1)  # ids of a benchmark
    while True:
        if kind == "token":
            yield "".join(chance.choices(_BASE64URL, k=21)) + chance.choice("AQgw")
        else:
            text = f"{chance.getrandbits(128):032x}"
            yield f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _stock(url: str, kind: str) -> None:
    """A feed of a million rows, written past the ports: a million transactions are not what is measured."""
    now = int(time.time())
    life = 86_400 if kind == "token" else 90 * 86_400
    rows = (
        (position, kind, id_, None, now + 600 + position * life // _ROWS, now, None, None)
        for position, id_ in zip(range(1, _ROWS + 1), _ids(kind), strict=False)
    )
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        columns = "position, kind, id, changed_version, leave_at, committed_at, audience, owner"
        connection.executemany(f"INSERT INTO feed ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608  # ours
        connection.execute("UPDATE heads SET feed_position = ?", (_ROWS,))


def _resident() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def _load(view: View, url: str) -> dict[str, float]:
    ports = open_sql(url, chain_key=None, clock=time.time)
    await ports.start()
    follower = Follower(ports.feed, view)
    gaps: list[float] = []

    async def beat() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            gaps.append(now - before)
            before = now

    before = _resident()
    heart = asyncio.create_task(beat())
    began = time.perf_counter()
    await follower.start()
    seconds = time.perf_counter() - began
    heart.cancel()
    await follower.aclose()
    await ports.aclose()
    slow = sorted(gaps)
    gaps.clear()
    said = {"seconds": seconds, "longest_ms": slow[-1] * 1e3, "usual_ms": quantile(slow, 0.99) * 1e3}
    del slow
    return said | {"held": float(_resident() - before)}


def _ask_us(view: View) -> float:
    others = (FeedKind.SIGNING_KEY, FeedKind.CLIENT, FeedKind.CLIENT_SUBJECT, FeedKind.SESSION, FeedKind.GRANT)
    handles = (
        Handle(FeedKind.TOKEN, "not-revoked-AAAAAAAAAA"),
        Handle(FeedKind.SUBJECT, "not-revoked"),
        *(Handle(kind, "not-revoked") for kind in others),
    )
    since = Watermark(view.feed_generation or "", 1)
    times = []
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(10_000):
            view.is_revoked(handles, since)
        times.append((time.perf_counter() - began) / 10_000 * 1e6)
    return quantile(times, 0.5)


def _child(url: str) -> None:
    view = View()
    gc.collect()
    gc.freeze()
    said = asyncio.run(_load(view, url))
    assert view.rows_held == _ROWS, view.rows_held
    said["ask_us"] = _ask_us(view)
    # A hundred days later: everything leaves, page by page.
    generation, longest = view.feed_generation or "", 0.0
    page = FeedPage(
        rows=(), watermark=_ROWS, generation=generation, as_of=int(time.time()) + 100 * 86_400, complete=True
    )
    before = _resident()
    for _ in itertools.takewhile(lambda _: view.rows_held, itertools.count()):
        began = time.perf_counter()
        view.apply(page, 0.0)
        longest = max(longest, time.perf_counter() - began)
    said |= {"left_ms": longest * 1e3, "given_back": float(before - _resident())}
    print(json.dumps(said))  # to the parent


def _measured(kind: str) -> dict[str, float]:
    with sqlite_database() as url:
        _stock(url, kind)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT)])}
        command = [sys.executable, "-m", "bench.revoked_memory", "CHILD", url]
        done = subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, check=True)
    said: dict[str, float] = json.loads(done.stdout)
    return said


def measure(*, rounds: int) -> list[Line]:
    """See the module. Memory does not fluctuate: one round says it."""
    del rounds
    lines = []
    for kind, gated in (("token", True), ("subject", False)):
        said = _measured(kind)
        held = said["held"] / _MEGABYTE
        verdict = Verdict.MET if held <= _GATE_MB else Verdict.MISSED
        gate = (f"≤ {_GATE_MB} MB", verdict) if gated else ("—", Verdict.NO_GATE)
        lines += [
            Line(f"{kind} rows: memory", f"{held:.0f} MB", *gate),
            Line(f"{kind} rows: given back when all have left", f"{said['given_back'] / _MEGABYTE:.0f} MB"),
            Line(f"{kind} rows: loaded in", f"{said['seconds']:.1f} s"),
            Line(f"{kind} rows: longest silence of the loop", f"{said['longest_ms']:.1f} ms"),
            Line(f"{kind} rows: the longest of 99 in 100", f"{said['usual_ms']:.1f} ms"),
            Line(f"{kind} rows: longest silence when they leave", f"{said['left_ms']:.1f} ms"),
            Line(f"{kind} rows: is a token of 7 handles revoked?", f"{said['ask_us']:.2f} µs"),
        ]
    return lines


if __name__ == "__main__":
    _child(sys.argv[2])

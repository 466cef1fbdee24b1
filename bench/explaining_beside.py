"""What an explanation costs those who are served meanwhile: in a thread of the server, and in a process of its own."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, NamedTuple

from bench.measure import Line, median_interval, paired_ratios

from doorward.methods.webhook import SCHEMES, parse_secret, sign_delivery
from doorward.methods.webhook.explain import SecretText
from doorward.server.explaining import Explainer
from doorward.server.explaining_task import DeliveryTask, explain_task

__all__ = ["NOTE", "TITLE", "measure"]

TITLE: Final = "Explaining beside serving"
NOTE: Final = (
    "One event loop answers an echo over loopback to one client, alone and while a delivery is explained that nothing "
    "makes fit: 16 secrets, a body of 30 bytes, so that nearly all the work is Python's own. The longest wait is of "
    "one round trip. The server explains in a process, which gives way: on a busy machine it takes its time."
)
_ALONE_S: Final = 0.5
_NOW: Final = 1_700_000_000


class _Round(NamedTuple):
    trips_per_s: float
    longest_ms: float
    took_s: float


def _secret(number: int) -> str:
    return "whsec_" + b64encode(sha256(b"%d" % number).digest()).decode("ascii")


def _task() -> DeliveryTask:
    scheme = SCHEMES["standard"]
    texts = [SecretText(id=str(number), text=_secret(number), in_use=number < 8) for number in range(16)]
    body = b'{"amount":100,"currency":"USD"}'
    other = parse_secret(scheme, _secret(99), secret_id="other")  # noqa: S106  # its name
    headers = sign_delivery(scheme, [other], body, now=_NOW, delivery_id="msg_1")
    return DeliveryTask(
        scheme=scheme.name,
        signature_header=None,
        secrets=tuple(texts),
        headers=tuple((name.lower().encode(), value.encode()) for name, value in headers),
        body=body,
        now=_NOW,
        url=None,
        tolerance_s=300,
    )


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(64):
        writer.write(octets)
    writer.close()


async def _beside(work: Callable[[], Awaitable[object]]) -> _Round:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    waits: list[float] = []
    began = time.perf_counter()
    working = asyncio.ensure_future(work())
    while not working.done():
        sent = time.perf_counter()
        writer.write(b"x")
        await reader.readexactly(1)
        waits.append(time.perf_counter() - sent)
    took_s = time.perf_counter() - began
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    await working
    return _Round(len(waits) / took_s, max(waits) * 1_000, took_s)


def measure(*, rounds: int) -> list[Line]:
    """Measure."""
    task = _task()
    ways: dict[str, Callable[[], Awaitable[object]]] = {
        "alone": lambda: asyncio.sleep(_ALONE_S),
        "thread": lambda: asyncio.to_thread(explain_task, task),
        "process": lambda: Explainer().explain(task),
    }

    found: dict[str, list[_Round]] = {way: [] for way in ways}
    for number in range(rounds):
        # They take turns, and every other round goes backwards.
        for way in ways if number % 2 == 0 else reversed(ways):
            found[way].append(asyncio.run(_beside(ways[way])))
    trips = {way: [one.trips_per_s for one in seen] for way, seen in found.items()}
    lines = []
    for way, seen in found.items():
        lines.append(Line(f"{way}: round trips", median_interval(trips[way]).show("/s", 0)))
        lines.append(Line(f"{way}: the longest wait", median_interval(one.longest_ms for one in seen).show("ms", 1)))
        if way != "alone":
            lines.append(Line(f"{way}: ratio to alone", paired_ratios(trips, way, "alone").show()))
            lines.append(Line(f"{way}: the explanation took", median_interval(one.took_s for one in seen).show("s")))
    return lines

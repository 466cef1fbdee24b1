"""Server-Sent Events, read octet by octet as they come (HTML standard, section 9.2.6).

Only what the feed sends is understood: `id`, `event`, `data`. What is kept of an unfinished event is bounded.
"""

from collections.abc import Iterator
from typing import Final, final

import msgspec

from doorward.errors import Unavailable

__all__ = ["EventReader", "SentEvent"]


@final
class SentEvent(msgspec.Struct, frozen=True):
    """One event. `name` is `message` when it was not said. A comment (a heartbeat) is one without name and data."""

    name: str
    data: bytes


@final
class EventReader:
    """Cuts a stream into events.

    Args:
        octets_max: how long one event may be.
    """

    def __init__(self, octets_max: int) -> None:
        self._octets_max: Final = octets_max
        self._rest = b""
        self._name = ""
        self._data: list[bytes] = []
        self._octets = 0

    def feed(self, presented_chunk: bytes) -> Iterator[SentEvent]:
        """The events that are whole with this chunk. Lines end with LF or CRLF.

        Raises:
            Unavailable: `store_unavailable`: an event is too long.
        """
        *lines, self._rest = (self._rest + presented_chunk).split(b"\n")
        for line in lines:
            self._octets += len(line) + 1
            self._require_room()
            event = self._take(line.removesuffix(b"\r"))
            if event is not None:
                yield event
        self._require_room()

    def _require_room(self) -> None:
        if self._octets + len(self._rest) > self._octets_max:
            raise Unavailable("store_unavailable", f"an event of more than {self._octets_max} octets")

    def _take(self, line: bytes) -> SentEvent | None:
        if not line:
            event = SentEvent(self._name or "message", b"\n".join(self._data)) if self._data else None
            self._name, self._data, self._octets = "", [], 0
            return event
        if line.startswith(b":"):
            return SentEvent("", b"")
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value.decode("latin-1")
        elif field == b"data":
            self._data.append(value)
        return None

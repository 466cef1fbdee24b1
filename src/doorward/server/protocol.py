"""HTTP/1.1 as uvicorn speaks it over httptools, with the limits it lacks.

httptools hands a header over when it is whole, so one that never ends (in the head, or in the trailer of a body that
nobody reads any more) grows in memory without anybody counting. And whoever can hold a connection for nothing holds as
many as there may be: at every moment either a handler is at work or a clock runs. What is refused before there is a
request is answered as a problem like everything else (RFC 9112 sections 2.2 and 3).
"""

import asyncio
from typing import Any, ClassVar, Final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from doorward.errors import Rejected
from doorward.wire.render import render_refusal

__all__ = ["LimitedProtocol", "make_protocol"]

# One read of the loop may hold the end of a head together with a body.
_READ_BYTES_MAX: Final = 256 * 1024
REQUESTS_WAITING_MAX: Final = 32
"""How many requests may be sent ahead on a connection. Each is fifty times as large in memory as on the wire."""


class LimitedProtocol(HttpToolsProtocol):
    """Overrides of uvicorn's own callbacks; `make_protocol` sets the limits."""

    head_bytes_max: ClassVar[int]
    head_timeout_s: ClassVar[float]
    stall_timeout_s: ClassVar[float]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: uvicorn's signature
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._in_head = True
        self._head_bytes = 0
        self._fed_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Starts the clock for the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the clocks."""
        self._stop_timer()
        self._stop_stall_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Counts what is fed without anything being handed over: a head, a trailer, the extension of a chunk."""
        if self._in_head and self._head_timer is None:
            self._expect_head()
        self._fed_bytes += len(data)
        if self._fed_bytes > self.head_bytes_max + _READ_BYTES_MAX:
            self.send_400_response("")
            return
        super().data_received(data)

    def pause_writing(self) -> None:
        """The caller does not read its answers: it may do so for a while."""
        super().pause_writing()
        self._expect_progress()

    def resume_writing(self) -> None:
        """It reads again."""
        self._stop_stall_timer()
        super().resume_writing()

    def on_message_begin(self) -> None:
        """A new head."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0

    def on_url(self, url: bytes) -> None:
        """A piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A whole header, or trailer: that is counted and thrown away.

        uvicorn adds them to the headers, where they pass for what a proxy wrote (RFC 9110 section 6.5.1).
        """
        self._count(len(name) + len(value) + 4)
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._stop_timer()
        if len(self.pipeline) >= REQUESTS_WAITING_MAX:
            raise ValueError("too many requests before the first is answered")
        super().on_headers_complete()
        self._in_head, self._fed_bytes = False, 0

    def on_body(self, body: bytes) -> None:
        """A piece of the body, which whoever reads it counts."""
        self._fed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next thing to come is a head again."""
        super().on_message_complete()
        self._in_head, self._fed_bytes = True, 0
        if self.cycle.response_complete:
            # Answered before it was whole: its rest has stopped the clock that ran since the answer.
            self._stop_stall_timer()
            self._expect_head()

    def on_response_complete(self) -> None:
        """The answer is written; what is left of the request may still come, and the caller has still to read."""
        super().on_response_complete()
        if self.pipeline:
            # uvicorn reads on after every answer: what waits would grow faster than it is answered.
            self.flow.pause_reading()
        if self.transport.is_closing():
            self._close()
        elif not self._in_head and self.cycle.response_complete:
            self._expect_progress()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing more was asked."""
        self._close()

    def send_400_response(self, msg: str) -> None:
        """Ends the connection: whatever is wrong, one constant answer."""
        # Not the parser's words, which may quote the request.
        del msg
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self._is_unanswered():
            answer = render_refusal(Rejected("request_malformed"))
            lines = [b"%s: %s\r\n" % header for header in answer.headers]
            head = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"
            self.transport.write(head + b"".join(lines) + b"\r\n" + answer.body)
        self._close()

    def _is_unanswered(self) -> bool:
        # Otherwise the caller would take this for the answer to another request of his, or for a piece of one.
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete:
            return self._in_head
        return not self._in_head and not cycle.response_started

    def _close(self) -> None:
        self.transport.close()
        if self.transport.get_write_buffer_size():
            # A closed connection stays until its last octet is read, which may be never.
            self._expect_progress()

    def _expect_progress(self) -> None:
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(self.stall_timeout_s, self.transport.abort)

    def _stop_stall_timer(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _count(self, octets: int) -> None:
        self._head_bytes += octets
        if self._head_bytes > self.head_bytes_max:
            # Raised into the parser, which stops and comes back as `send_400_response`.
            raise ValueError("the request head is too long")

    def _expect_head(self) -> None:
        self._stop_timer()
        self._head_timer = self.loop.call_later(self.head_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._fed_bytes:
            self.send_400_response("")
        else:
            self._close()

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def make_protocol(
    *, head_bytes_max: int, head_timeout_s: float, stall_timeout_s: float = 20.0
) -> type[LimitedProtocol]:
    """A protocol class for `uvicorn.Config(http=…)`.

    Args:
        head_bytes_max: how long request line and headers together may be.
        head_timeout_s: how long they may take to arrive, from the connection or from their first byte.
        stall_timeout_s: how long what is left of an answered request may take to arrive, and how long a caller may
            leave its answers unread once they fill the buffers.
    """
    limits = {
        "head_bytes_max": head_bytes_max,
        "head_timeout_s": head_timeout_s,
        "stall_timeout_s": stall_timeout_s,
    }
    return type("Protocol", (LimitedProtocol,), limits)

"""Servers on loopback that say exactly what a test wants them to say, octet by octet."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import final

__all__ = ["Asked", "Web", "answer", "serving_web"]

Asked = tuple[bytes, dict[bytes, bytes]]
"""The request line and the headers, names in lower case."""


def answer(
    body: bytes = b"{}", *, status: str = "200 OK", content_type: str = "application/json", more: str = ""
) -> bytes:
    """A whole answer with a length; `more` are further header lines, each with its CRLF."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode("latin-1") + body


@final
class Web:
    """What was asked, and what is answered: octets, or something that writes them itself."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.says: bytes | Callable[[Asked, asyncio.StreamWriter], Awaitable[None]] = answer()
        self.port = 0
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                line, *lines = head[:-4].split(b"\r\n")
                asked = (
                    line,
                    {name.lower(): value.strip() for name, _, value in (each.partition(b":") for each in lines)},
                )
                await reader.readexactly(int(asked[1].get(b"content-length", b"0")))
                self.asked.append(asked)
                if isinstance(self.says, bytes):
                    writer.write(self.says)
                else:
                    await self.says(asked, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving_web(tls: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    """A server on a free port of 127.0.0.1."""
    web = Web()
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(web.serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

"""The three libraries behind one call, sync and async, so that every test runs in each."""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any, Final, final

import httpx
import httpx2
import requests

LIBRARIES: Final = ("httpx2", "httpx2-async", "httpx", "httpx-async", "requests")


@final
class Library:
    """One of them. `send` returns the status of the last answer; redirects are followed."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.module: Final[Any] = importlib.import_module(f"doorward.clients.{name.removesuffix('-async')}")
        self.is_async: Final = name.endswith("-async")

    def auth(self, kind: str, *arguments: Any, **named: Any) -> Any:
        """An auth of that name, which may use plain HTTP here."""
        return getattr(self.module, kind)(*arguments, danger_plain_http_on_loopback=True, **named)

    def source(self, get: Callable[[], Any]) -> Any:
        """What gets a token, as a client of this kind wants it."""

        async def get_async() -> Any:
            await asyncio.sleep(0)
            return get()

        return get_async if self.is_async else get

    def send(self, auth: Any, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> int:
        if self.name == "requests":
            with requests.Session() as session:
                session.trust_env = False
                sent = session.request(method, url, data=body, headers=headers, auth=auth, timeout=10)
            return sent.status_code
        library: Any = httpx2 if self.name.startswith("httpx2") else httpx
        if self.is_async:
            return asyncio.run(_send_async(library, auth, method, url, body, headers))
        with library.Client(follow_redirects=True, trust_env=False) as client:
            status: int = client.request(method, url, content=body, headers=headers, auth=auth).status_code
        return status

    def upload(self, auth: Any, url: str) -> None:
        """A form with a file in it."""
        files = {"file": ("a.txt", b"content")}
        if self.name == "requests":
            requests.post(url, files=files, auth=auth, timeout=10)
            return
        library: Any = httpx2 if self.name.startswith("httpx2") else httpx

        async def send() -> None:
            async with library.AsyncClient() as client:
                await client.post(url, files=files, auth=auth)

        if self.is_async:
            asyncio.run(send())
        else:
            library.post(url, files=files, auth=auth)

    def send_at_once(self, auth: Any, url: str, times: int) -> list[int]:
        """The same request, several times at once, in one client where it is async."""
        if self.is_async:
            library: Any = httpx2 if self.name.startswith("httpx2") else httpx
            return asyncio.run(_send_many(library, auth, url, times))
        return asyncio.run(_in_threads(lambda: self.send(auth, "GET", url), times))


async def _in_threads(call: Callable[[], int], times: int) -> list[int]:
    return await asyncio.gather(*(asyncio.to_thread(call) for _ in range(times)))


async def _send_async(library: Any, auth: Any, method: str, url: str, body: Any, headers: dict[str, str] | None) -> int:
    async with library.AsyncClient(follow_redirects=True, trust_env=False) as client:
        answer = await client.request(method, url, content=body, headers=headers, auth=auth)
        status: int = answer.status_code
        return status


async def _send_many(library: Any, auth: Any, url: str, times: int) -> list[int]:
    async with library.AsyncClient(trust_env=False) as client:
        answers = await asyncio.gather(*(client.get(url, auth=auth) for _ in range(times)))
        return [answer.status_code for answer in answers]

"""What `httpx2` and `httpx` have in common, as far as it is used here: requests, answers, headers.

Redirects copy headers, all but `Authorization` to any origin. What must go with one request alone is therefore kept
where a transport looks for it and a copy does not: `SentOnce`.
"""

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeVar

from doorward.clients.outgoing import OutgoingRequest
from doorward.wire.request import Header

__all__ = ["RequestT", "ResponseT", "SentOnce", "outgoing_of"]


class _Url(Protocol):
    @property
    def scheme(self) -> str: ...
    @property
    def host(self) -> str: ...
    @property
    def netloc(self) -> bytes: ...
    @property
    def raw_path(self) -> bytes: ...


class _Headers(Protocol):
    @property
    def raw(self) -> list[tuple[bytes, bytes]]: ...
    def __getitem__(self, key: str, /) -> str: ...
    def __setitem__(self, key: str, value: str, /) -> None: ...
    def __contains__(self, key: object, /) -> bool: ...


class _Request(Protocol):
    """What is used of a request of either library."""

    @property
    def method(self) -> str: ...
    @property
    def url(self) -> _Url: ...
    @property
    def headers(self) -> _Headers: ...
    @property
    def stream(self) -> object: ...
    @property
    def extensions(self) -> Any: ...  # the libraries differ in what they call the type of its values
    def read(self) -> bytes: ...
    async def aread(self) -> bytes: ...


class _Response(Protocol):
    """What is used of an answer."""

    @property
    def status_code(self) -> int: ...


RequestT = TypeVar("RequestT", bound=_Request)
ResponseT = TypeVar("ResponseT", bound=_Response)


class SentOnce:
    """Comes before the `Headers` of a library: holds headers that are sent and seen, and left out of every copy."""

    once: tuple[Header, ...] = ()

    def with_once(self, headers: Sequence[Header]) -> Self:
        """Itself, with these."""
        self.once = tuple(headers)
        return self

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """What a transport sends."""
        plain: list[tuple[bytes, bytes]] = super().raw  # type: ignore[misc]
        return [*plain, *self.once]

    def multi_items(self) -> list[tuple[str, str]]:
        """What somebody who looks on sees."""
        return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self.raw]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and any(name == key.lower() for name, _ in self.multi_items())

    def __getitem__(self, key: str) -> str:
        values = [value for name, value in self.multi_items() if name == key.lower()]
        if not values:
            raise KeyError(key)
        return ", ".join(values)


def outgoing_of(request: _Request) -> OutgoingRequest:
    """The request as it will be sent."""
    headers = tuple((name.lower(), value) for name, value in request.headers.raw)
    return OutgoingRequest(
        method=request.method,
        url=str(request.url).partition("#")[0],
        scheme=request.url.scheme,
        authority=next((value for name, value in headers if name == b"host"), request.url.netloc),
        # What a caller says is sent instead of the URL's own.
        target=request.extensions.get("target", request.url.raw_path),
        headers=headers,
    )

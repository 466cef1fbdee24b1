"""What is taken from a prepared request of `requests`, and taken off it again before a redirect.

`requests` copies every header but `Authorization` to wherever a redirect leads, and runs an auth once only.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from doorward.clients.outgoing import OutgoingRequest

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

__all__ = ["can_be_read_twice", "drop_when_redirected", "outgoing_of"]


def can_be_read_twice(file: Any) -> bool:  # whatever the caller gave as a body
    """Whether a body is a file that can be put back."""
    return hasattr(file, "read") and hasattr(file, "seekable") and bool(file.seekable())


def drop_when_redirected(names: tuple[str, ...], response: "Response", **_: object) -> "Response":
    """A hook: takes headers off before the session copies the request for the URL it is sent on to."""
    if response.is_redirect:
        for name in names:
            response.request.headers.pop(name, None)
    return response


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")


def outgoing_of(request: "PreparedRequest") -> OutgoingRequest:
    """The request as it will be sent; `Host` is added by the connection, from the URL."""
    url = urlsplit(request.url or "")
    headers = tuple((_bytes(name).lower(), _bytes(value)) for name, value in request.headers.items())
    return OutgoingRequest(
        method=request.method or "",
        url=(request.url or "").partition("#")[0],
        scheme=url.scheme,
        authority=next(
            (value for name, value in headers if name == b"host"), url.netloc.rpartition("@")[2].encode("ascii")
        ),
        target=request.path_url.encode("ascii"),
        headers=headers,
    )

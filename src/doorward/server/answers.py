"""Sending a finished answer over ASGI, for the layers that stand before any framework."""

from typing import Final

import msgspec
from starlette.types import Send

from doorward.wire.render import PROBLEM_TYPE_PREFIX, Answer

__all__ = ["FAULT", "open_answer", "send_answer"]

_FAULT_BODY: Final = msgspec.json.encode(
    {
        "type": PROBLEM_TYPE_PREFIX + "internal_error",
        "title": "Something went wrong on our side.",
        "status": 500,
        "code": "internal_error",
    }
)

FAULT: Final = Answer(
    status=500,
    headers=(
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(_FAULT_BODY)),
        (b"cache-control", b"no-store"),
    ),
    body=_FAULT_BODY,
)
"""Our own bug: constant, so that nothing of the failure or of the request is in it. What failed is in the log."""


def open_answer(status: int, body: bytes, content_type: bytes = b"application/json") -> Answer:
    """An answer that needs no door and is not to be kept."""
    headers = ((b"content-type", content_type), (b"content-length", b"%d" % len(body)), (b"cache-control", b"no-store"))
    return Answer(status=status, headers=headers, body=body)


async def send_answer(send: Send, answer: Answer, *, head: bool = False) -> None:
    """Send it whole; with `head` the headers alone, as HEAD asks (RFC 9110 section 9.3.2)."""
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": b"" if head else answer.body})

"""Every way a request can end badly here becomes a problem of ours: FastAPI's and Starlette's own included.

What did not fit is named by the model's own words (`body.rate.window_s`, `int_type`); the value that was sent is not
repeated, because it may be a secret in the wrong place, nor are names the caller made up. Sentences come only from our
own handlers (`TOLD_TYPE`): a library's may quote what was sent.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from doorward.errors import Rejected, Unavailable
from doorward.wire.render import Answer, render_refusal

__all__ = ["TOLD_TYPE", "add_problem_handlers"]

TOLD_TYPE: Final = "value_unusable"
"""The type of an entry of ours, whose `msg` is told as `why`."""

ERRORS_TOLD_MAX: Final = 20
_CODE_OF_STATUS: Final = {404: "route_unknown", 405: "method_not_allowed", 413: "body_too_large"}


def add_problem_handlers(app: FastAPI, *, names: frozenset[str], record: Callable[[Request, str], None]) -> None:
    """Install them.

    Args:
        app: the management API.
        names: the words that may be told: members of our models and parameters of our routes.
        record: told the code of what a handler refused.
    """

    async def on_refusal(request: Request, error: Exception) -> Response:
        assert isinstance(error, Rejected | Unavailable), "registered for these"
        record(request, error.code)
        return _response(render_refusal(error))

    async def on_http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for this"
        code = _CODE_OF_STATUS.get(error.status_code, "request_malformed")
        answer = render_refusal(Rejected(code))
        allow = (error.headers or {}).get("allow")
        return _response(answer, () if allow is None else ((b"allow", allow.encode("latin-1")),))

    async def on_invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError), "registered for this"
        found = error.errors()
        if any(entry["type"] == "json_invalid" for entry in found):
            return _response(render_refusal(Rejected("request_malformed")))
        answer = render_refusal(Rejected("input_invalid"))
        problem = msgspec.json.decode(answer.body)
        problem["errors"] = [_told(entry, names) for entry in found[:ERRORS_TOLD_MAX]]
        body = msgspec.json.encode(problem)
        headers = tuple(header for header in answer.headers if header[0] != b"content-length")
        return _response(
            Answer(status=answer.status, headers=(*headers, (b"content-length", b"%d" % len(body))), body=body)
        )

    for kind in (Rejected, Unavailable):
        app.add_exception_handler(kind, on_refusal)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)


def _told(entry: Any, names: frozenset[str]) -> dict[str, str]:  # Any: Pydantic's error entries
    where = [str(part) if isinstance(part, int) or part in names else "?" for part in entry["loc"]]
    told = {"where": ".".join(where), "what": str(entry["type"])}
    return {**told, "why": entry["msg"]} if entry["type"] == TOLD_TYPE else told


def _response(answer: Answer, extra: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    response = Response(answer.body, status_code=answer.status)
    response.raw_headers = [*answer.headers, *extra]
    return response

"""A Starlette application: each route wraps its endpoint in a door, and `guard` refuses whatever has none.

DOORWARD_DATABASE_URL=sqlite:///.doorward/doorward.db \
  uvicorn starlette_app:app --app-dir examples --no-proxy-headers --port 8702
"""

import os

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from doorward import ApiKeys, Scopes, open_store
from doorward.frameworks.starlette import Door, guard, open_route

store = open_store(os.environ.get("DOORWARD_DATABASE_URL", "sqlite:///doorward.db"))
door = Door(ApiKeys(store), require=Scopes("hello"))


@door
async def hello(request: Request) -> JSONResponse:
    """Called for admitted requests only."""
    return JSONResponse({"hello": request.scope["doorward.principal"].name})


@open_route
async def health(_request: Request) -> PlainTextResponse:
    """Open, and marked so."""
    return PlainTextResponse("ok")


app = guard(
    Starlette(routes=[Route("/", hello), Route("/health", health), Route("/forgotten", PlainTextResponse("no"))])
)

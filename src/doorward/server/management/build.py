"""The management API put together: routes, doors, problems, description."""

from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.responses import HTMLResponse, JSONResponse

from doorward.frameworks.fastapi import guard, open_route
from doorward.server.explaining import Explainer
from doorward.server.management import explain_models, models, shapes, signature_models, webhook_models
from doorward.server.management.apps import add_app_routes
from doorward.server.management.asking import Asking, CredentialPageQuery
from doorward.server.management.audit import AuditQuery, add_audit_routes
from doorward.server.management.doors import Doors
from doorward.server.management.explain import ExplanationBudget, add_explain_routes
from doorward.server.management.keys import add_key_routes
from doorward.server.management.page import PAGE_HEADERS, render_page
from doorward.server.management.passwords import add_password_routes
from doorward.server.management.problems import add_problem_handlers
from doorward.server.management.reach import ManagedStore
from doorward.server.management.revocations import add_revocation_routes
from doorward.server.management.senders import SenderPageQuery, add_sender_routes
from doorward.server.management.signature_keys import add_signature_key_routes
from doorward.values import Environment
from doorward.wire.hops import TrustedHops

__all__ = ["build_management"]

_PROBLEM: Final[dict[str, Any]] = {  # Any: as FastAPI types it
    "description": "Refused: a problem of RFC 9457 with a code from docs/refusals.md.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_STATUSES: Final = (400, 401, 403, 404, 405, 409, 413, 422, 429, 503)
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys(_STATUSES, _PROBLEM)  # Any: as above


def build_management(
    store: ManagedStore,
    *,
    hops: TrustedHops,
    key_prefix: str,
    environment: Environment,
    version: str,
    open_docs: bool,
) -> FastAPI:
    """The ASGI app that answers `/api/…` and refuses everything else.

    Args:
        store: need not be open yet.
        hops: whose forwarding headers count.
        key_prefix: what keys of this deployment start with.
        environment: what new keys are for when the order does not say.
        version: told in the description.
        open_docs: whether the description is shown without a key (`--dev`); otherwise any live key shows it.
    """
    doors, asking = Doors(store, key_prefix=key_prefix), Asking(store, hops)
    router = APIRouter(prefix="/api/v1", responses=_REFUSALS)
    add_app_routes(router, doors, asking)
    add_key_routes(router, doors, asking, key_prefix=key_prefix, environment=environment)
    add_password_routes(router, doors, asking)
    add_signature_key_routes(router, doors, asking)
    add_sender_routes(router, doors, asking, key_prefix=key_prefix)
    add_explain_routes(router, doors, asking, explainer=Explainer(), budget=ExplanationBudget(store))
    add_audit_routes(router, doors, asking)
    add_revocation_routes(router, doors, asking)
    app = FastAPI(
        title="Doorward management API",
        version=version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.include_router(router)
    add_problem_handlers(app, names=_told_names(), record=asking.record_refusal)
    _add_description(app, doors, open_docs=open_docs)
    return guard(app, hops=hops)


def _operation_id(route: APIRoute) -> str:
    part = route.path_format.removeprefix("/api/v1/").partition("/")[0].replace("-", "_")
    return f"{part}_{route.name}"


def _add_description(app: FastAPI, doors: Doors, *, open_docs: bool) -> None:
    plain = app.openapi

    def describe() -> dict[str, Any]:  # Any: JSON
        description = plain()
        schemas = description["components"]["schemas"]
        # Our 422 is a problem like every other refusal; FastAPI adds its own shape for it to every route.
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = models.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        return description

    setattr(app, "openapi", describe)  # noqa: B010  # FastAPI's documented way; mypy guards methods

    async def description() -> JSONResponse:
        return JSONResponse(app.openapi())

    async def page() -> HTMLResponse:
        return HTMLResponse(render_page(app.openapi()), headers=PAGE_HEADERS)

    for path, endpoint in (("/api/openapi.json", description), ("/api/docs", page)):
        if open_docs:
            app.add_api_route(path, open_route(endpoint), include_in_schema=False, response_model=None)
        else:
            app.add_api_route(
                path,
                endpoint,
                include_in_schema=False,
                response_model=None,
                dependencies=[Depends(doors.of(None))],
            )


def _told_names() -> frozenset[str]:
    names = {"body", "path", "query", "header"}
    for module in (models, webhook_models, signature_models, explain_models):
        for name in module.__all__:
            names.update(getattr(module, name).model_fields)
    for query in (CredentialPageQuery, SenderPageQuery, AuditQuery, shapes.Rate):
        names.update(query.model_fields)
    return frozenset(names)

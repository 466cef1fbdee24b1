"""Hand the principal of a guarded route to its handler without asking FastAPI's dependency solver.

The gate has proven before the handler is looked at, so nothing is left to solve; asking the solver for a value that
lies ready costs more than the proof. Doors that a handler depends on directly are taken out of its dependencies, and
the handler is called with what they admitted for *this* request. It fails closed: without an admission there is no
value to call the handler with. Doors inside other dependencies stay where they are.
"""

import functools
from collections.abc import Callable
from typing import Any, Final

from fastapi.dependencies.models import Dependant

from doorward.door import Door
from doorward.frameworks.asgi import ADMITTED

__all__ = ["inject_principals"]

_REQUEST: Final = "doorward_request"


def inject_principals(dependant: Dependant, is_plain: Callable[[object], bool]) -> None:
    """Take the doors out of a route's dependencies, in place.

    Args:
        dependant: what FastAPI solves for the route; its handler's classification is already made.
        is_plain: whether a dependency is a door that does nothing but answer its principal.
    """
    doors: list[tuple[str | None, Door]] = []
    kept: list[Dependant] = []
    for inner in dependant.dependencies:
        call: object = inner.call
        if not isinstance(call, Door) or not is_plain(call):
            kept.append(inner)
        else:
            doors.append((inner.name, call))
    dependant.dependencies[:] = kept
    if doors and dependant.call is not None:
        is_ours = dependant.request_param_name is None
        request_name = dependant.request_param_name or _REQUEST
        dependant.request_param_name = request_name
        dependant.call = _with_principals(dependant.call, doors, request_name, is_ours=is_ours)


def _with_principals(
    handler: Callable[..., Any],  # FastAPI's own type for handlers
    doors: list[tuple[str | None, Door]],
    request_name: str,
    *,
    is_ours: bool,
) -> Callable[..., Any]:
    @functools.wraps(handler)
    def call(**values: Any) -> Any:  # whatever the handler takes and answers
        request = values.pop(request_name) if is_ours else values[request_name]
        admitted = request.scope[ADMITTED]
        for name, door in doors:
            # Also for doors that give the handler nothing: a route that is served elsewhere, without a gate, must fail.
            principal = admitted[door].principal
            if name is not None:
                values[name] = principal
        return handler(**values)

    return call

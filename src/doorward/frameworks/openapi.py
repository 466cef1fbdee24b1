"""Doors in an OpenAPI document: the ways in as security schemes, the refusals as problem bodies (RFC 9457)."""

from collections.abc import Iterable
from typing import Any, Final

from doorward.door import Door

__all__ = ["describe_doors"]

_PROBLEM: Final = "Problem"
_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457 problem details. `code` is one of the documented refusal codes.",
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "missing_scopes": {"type": "array", "items": {"type": "string"}},
        "instance": {"type": "string"},
    },
}
_ANSWERS: Final = {
    "401": ("No credential, or one that is not valid.", "WWW-Authenticate"),
    "403": ("The credential is valid, but may not do this.", "WWW-Authenticate"),
    "429": ("A rate limit is used up, or too many attempts failed.", "Retry-After"),
}

# A document is JSON: what its values are depends on the key.
Document = dict[str, Any]


def describe_doors(document: Document, operations: Iterable[tuple[str, frozenset[str], tuple[Door, ...]]]) -> Document:
    """Add what the doors demand to a document, in place. Done twice it changes nothing more.

    Args:
        document: as FastAPI makes it.
        operations: path template, methods and doors of each route.
    """
    paths = document.get("paths", {})
    components = document.setdefault("components", {})
    for path, methods, doors in operations:
        for method in methods:
            operation = paths.get(path, {}).get(method.lower())
            if operation is None:
                continue
            components.setdefault("schemas", {}).setdefault(_PROBLEM, _PROBLEM_SCHEMA)
            schemes = components.setdefault("securitySchemes", {})
            alternatives: list[Document] = [{}]
            for door in doors:
                schemes.update({scheme.name: scheme.scheme for scheme in door.openapi_schemes()})
                alternatives = _and_any_of(alternatives, door)
            operation["security"] = alternatives
            for status, (text, header) in _ANSWERS.items():
                operation.setdefault("responses", {}).setdefault(status, _answer(text, header))
    return document


def _and_any_of(alternatives: list[Document], door: Door) -> list[Document]:
    """Every door must be passed, by any one of its schemes."""
    scopes = set() if door.require is None else set(door.require)
    return [
        {**taken, scheme.name: sorted(scopes.union(taken.get(scheme.name, ())))}
        for taken in alternatives
        for scheme in door.openapi_schemes()
    ] or alternatives


def _answer(text: str, header: str) -> Document:
    return {
        "description": text,
        "headers": {header: {"schema": {"type": "string"}}},
        "content": {"application/problem+json": {"schema": {"$ref": f"#/components/schemas/{_PROBLEM}"}}},
    }

"""The OpenAPI description as one HTML page: no script, no style and no font from anywhere else, nothing to build.

Everything shown comes from the description and is escaped; the policy allows the page's own style and nothing besides.
"""

import base64
import hashlib
import json
from html import escape
from typing import Any, Final

__all__ = ["PAGE_HEADERS", "render_page"]

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "h2{margin-top:2.5rem;font-size:1.1rem;overflow-wrap:anywhere}nav{columns:20rem}nav a{display:block}"
    "a{overflow-wrap:anywhere}code,pre{font:14px/1.45 ui-monospace,monospace}"
    "pre{background:#f5f5f5;padding:1rem;overflow:auto}b{display:inline-block;min-width:4rem}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}pre{background:#222}}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PAGE_HEADERS: Final = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
}

_Description = dict[str, Any]  # Any: JSON of the OpenAPI specification


def render_page(description: _Description) -> str:
    """The whole page."""
    operations = [
        _operation(path, method, operation)
        for path, methods in sorted(description.get("paths", {}).items())
        for method, operation in methods.items()
    ]
    schemas = description.get("components", {}).get("schemas", {})
    shapes = [
        f'<h2 id="{escape(name, quote=True)}">{escape(name)}</h2><pre>{escape(json.dumps(schema, indent=2))}</pre>'
        for name, schema in sorted(schemas.items())
    ]
    title = escape(description.get("info", {}).get("title", "API"))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f"<style>{_STYLE}</style><h1>{title}</h1>"
        "<p>Send an administrator's key with every request, as <code>Authorization: Bearer &hellip;</code> or "
        "<code>X-API-Key: &hellip;</code>, and bodies as <code>application/json</code>. Times are epoch seconds. "
        "The same page for programs: <code>/api/openapi.json</code>.</p>"
        f"<nav>{_contents(description)}</nav>"
        f"{''.join(operations)}<h1>Shapes</h1>{''.join(shapes)}</html>"
    )


def _contents(description: _Description) -> str:
    return "".join(
        f'<a href="#{_anchor(path, method)}"><code>{escape(method.upper())} {escape(path)}</code></a>'
        for path, methods in sorted(description.get("paths", {}).items())
        for method in methods
    )


def _anchor(path: str, method: str) -> str:
    return escape(f"{method}:{path}", quote=True)


def _operation(path: str, method: str, operation: _Description) -> str:
    parameters = ", ".join(
        f"<code>{escape(parameter['name'])}</code> ({escape(parameter['in'])})"
        for parameter in operation.get("parameters", ())
    )
    body = _reference(operation.get("requestBody", {}))
    # Refusals are one sentence and one shape for all statuses: one line, so that what differs is seen.
    statuses: dict[str, list[str]] = {}
    for status, answer in operation.get("responses", {}).items():
        statuses.setdefault(f"{_said(answer)} {_reference(answer)}".strip(), []).append(status)
    answers = "".join(
        f"<li>{', '.join(f'<code>{escape(status)}</code>' for status in alike)} {what}</li>"
        for what, alike in statuses.items()
    )
    return (
        f'<h2 id="{_anchor(path, method)}">'
        f"<b>{escape(method.upper())}</b> <code>{escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        + (f"<p>Parameters: {parameters}</p>" if parameters else "")
        + (f"<p>Body: {body}</p>" if body else "")
        + f"<ul>{answers}</ul>"
    )


def _said(answer: _Description) -> str:
    said = str(answer.get("description", ""))
    return "" if said == "Successful Response" else escape(said)


def _reference(holder: _Description) -> str:
    for content in holder.get("content", {}).values():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        if name:
            return f'<a href="#{escape(name, quote=True)}">{escape(name)}</a>'
    return ""

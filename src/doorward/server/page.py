"""A page that people see, before any framework: one layout, one style sheet, no script.

Rules:

* Everything that is put into markup goes through `escaped`, whoever wrote it.
* The policy allows our own style sheet and our own forms and nothing else: no script, no frame, no image, no request to
  another place. So even a hole in the escaping would run nothing.
* Forms are sent with their origin: under `no-referrer`, which the edge sets for everything, a browser sends
  `Origin: null`, which the guard of sites refuses, so a page says `same-origin` for itself.
"""

from html import escape
from pathlib import Path
from typing import Final

from doorward.wire.render import Answer

__all__ = ["PAGE_HEADERS", "STYLE_PATH", "escaped", "prose", "render_page", "style_sheet"]

STYLE_PATH: Final = "/dev/style.css"
_STYLE_FILE: Final = Path(__file__).with_name("page.css")

PAGE_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""What goes with every page, beside what the edge adds."""


def escaped(text: str) -> str:
    """Text for an element or a quoted attribute."""
    return escape(text, quote=True)


def prose(text: str) -> str:
    """As `escaped`, with what stands between backticks as code."""
    parts = escaped(text).split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))


def render_page(title: str, content: str, *, status: int = 200) -> Answer:
    """A whole page. `title` is text, `content` is markup whose texts are escaped."""
    name = escaped(title)
    markup = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="same-origin">\n<meta name="color-scheme" content="light dark">\n'
        f'<title>{name} · Doorward</title>\n<link rel="stylesheet" href="{STYLE_PATH}">\n</head>\n<body>\n'
        f'<header class="top"><a href="/dev/explain">Doorward</a><span>development</span></header>\n'
        f"<main>\n<h1>{name}</h1>\n{content}</main>\n</body>\n</html>\n"
    )
    body = markup.encode("utf-8", "replace")
    headers = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        *PAGE_HEADERS,
    )
    return Answer(status=status, headers=headers, body=body)


def style_sheet() -> Answer:
    """The style sheet of every page."""
    body = _STYLE_FILE.read_bytes()
    headers = (
        (b"content-type", b"text/css; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    )
    return Answer(status=200, headers=headers, body=body)

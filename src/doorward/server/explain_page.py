"""`/dev/explain`: a page that says why a signature does not fit. It exists under `--dev` and nowhere else.

Rules:

* It asks nobody who he is. That is right only because a development server listens on this machine alone and answers
  nobody else's host or page (`sites.py`); in production the path is not there.
* Whatever was pasted comes back escaped, but for secrets, which do not come back.
* It may try the secrets of a sender of the store in place of pasted ones. Whoever reaches it could read that store.
* One search at a time, off the event loop: each takes up to two seconds of a processor.
"""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, final

from starlette.types import ASGIApp, Receive, Scope, Send

from doorward.errors import Rejected, Unavailable
from doorward.frameworks.asgi import Body
from doorward.methods.explaining import tell_tried
from doorward.methods.signature.explain import BaseLine, SignatureExplanation, SignatureFinding
from doorward.methods.webhook.explain import Explanation, Finding
from doorward.server.answers import send_answer
from doorward.server.explain_form import BODY_FORMS, Examination, StoredSender, examine, scheme_names
from doorward.server.management.explain_secrets import SenderReach, secrets_to_try
from doorward.server.page import STYLE_PATH, escaped, prose, render_page, style_sheet
from doorward.values import Clock
from doorward.wire.form import parse_form, require_form_type
from doorward.wire.render import Answer, render_refusal

__all__ = [
    "EXPLAIN_FORM_BYTES_MAX",
    "EXPLAIN_PATH",
    "ExplainPage",
    "StyleSheet",
    "explain_form_room",
    "explain_routes",
]

EXPLAIN_PATH: Final = "/dev/explain"
EXPLAIN_FORM_BYTES_MAX: Final = 524_288
"""How long the form may be: a body of 100 KB of which the browser writes three bytes for each, headers, and secrets."""

_LEAD: Final = (
    "Paste what arrived, as it arrived. Doorward tries what usually happens to a message on its way, alone and in "
    "pairs, and says which change makes the signature fit. Nothing is stored, and secrets do not come back."
)


@final
class ExplainPage:
    """The page.

    Args:
        clock: epoch seconds.
        store: whose senders may be chosen; None: secrets are pasted.
    """

    def __init__(self, clock: Clock, store: SenderReach | None = None) -> None:
        self._clock: Final = clock
        self._store: Final = store
        self._one_at_a_time: Final = asyncio.Semaphore(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with the form, or with the form and what was found."""
        try:
            answer = await self._answer(scope, receive)
        except (Rejected, Unavailable) as refused:
            answer = render_refusal(refused)
        await send_answer(send, answer, head=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        senders = () if self._store is None else await self._store.senders.list_senders()
        schemes = {sender.name: sender.scheme for sender in senders}
        if scope["method"] in ("GET", "HEAD"):
            return _page({}, "", schemes)
        if scope["method"] != "POST":
            raise Rejected("method_not_allowed", "the page is read with GET and asked with POST")
        types = [value for name, value in scope["headers"] if name == b"content-type"]
        require_form_type(types[0] if len(types) == 1 else None)
        body = Body(receive)
        try:
            fields = parse_form(await body.read(EXPLAIN_FORM_BYTES_MAX))
        finally:
            # What all bodies together may hold is counted: one that is not given back is lost to every door.
            body.close()
        stored = await self._find_stored(fields.get("sender", ""))
        async with self._one_at_a_time:
            examination = await asyncio.to_thread(examine, fields, int(self._clock()), stored)
        if stored is not None:
            # What was looked at, and not what the field that is not read happened to say.
            fields = {**fields, "scheme": stored.scheme}
        return _page(fields, _result(examination), schemes)

    async def _find_stored(self, presented_name: str) -> StoredSender | None:
        if self._store is None or not presented_name:
            return None
        sender = await self._store.senders.find_sender(presented_name)
        if sender is None:
            raise Rejected("object_unknown", "no such sender")
        return StoredSender(sender.scheme, (await secrets_to_try(self._store, sender)).texts)


@final
class StyleSheet:
    """The style sheet of the pages."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # ASGI's own form
        """Answers with it."""
        if scope["method"] in ("GET", "HEAD"):
            await send_answer(send, style_sheet(), head=scope["method"] == "HEAD")
        else:
            await send_answer(send, render_refusal(Rejected("method_not_allowed", "a style sheet is read")))


def explain_form_room(path: str) -> int:
    """How large a body the page takes; 0 for every other path. For `BodyLimit`, of a development server only."""
    return EXPLAIN_FORM_BYTES_MAX if path == EXPLAIN_PATH else 0


def explain_routes(clock: Clock, store: SenderReach | None = None) -> dict[str, ASGIApp]:
    """The lines for the table of routes, of a development server only. Arguments: as `ExplainPage`."""
    return {EXPLAIN_PATH: ExplainPage(clock, store), STYLE_PATH: StyleSheet()}


def _page(fields: Mapping[str, str], result: str, schemes: Mapping[str, str]) -> Answer:
    form = _form(fields, _sender(schemes, fields.get("sender", "")))
    return render_page("Why does the signature not fit?", f'<p class="lead">{escaped(_LEAD)}</p>\n{result}{form}')


def _sender(schemes: Mapping[str, str], chosen: str) -> str:
    if not schemes:
        return ""
    called = scheme_names()
    named = {name: f"{name} ({called.get(scheme, scheme)})" for name, scheme in schemes.items()}
    note = "It has secrets of its own: what the next two fields say is not read then."
    return _select("sender", "A sender of the store", {"": "None: what is said below", **named}, chosen, note)


def _result(examination: Examination) -> str:
    found = examination.found
    if found is None:
        return _card("Not understood", examination.problem, (), "")
    if found.accepted:
        return _card("It fits", found.says, (), "", good=True) + _tail(found)
    if not found.findings:
        return _card("No answer", found.says, (), f"It is refused with {found.code}.") + _tail(found)
    return "".join(_finding(finding) for finding in found.findings) + _tail(found)


def _finding(finding: Finding | SignatureFinding) -> str:
    made_with = finding.key_id if isinstance(finding, SignatureFinding) else finding.secret_id
    proof = f"A signature made with {made_with} fits so." if finding.proven else ""
    cures = [change.cure for change in finding.changes]
    return _card("Proven" if finding.proven else "Likely", finding.says, cures, proof, good=finding.proven)


def _card(tag: str, says: str, cures: Iterable[str], note: str, *, good: bool = False) -> str:
    parts = [f'<span class="tag">{escaped(tag)}</span><h2>{prose(says)}</h2>']
    parts += [f'<p class="cure">{prose(cure)}</p>' for cure in dict.fromkeys(cures)]
    parts += [f'<p class="note">{escaped(note)}</p>'] if note else []
    return f'<section class="card finding{" good" if good else ""}" role="status">{"".join(parts)}</section>\n'


def _tail(found: Explanation | SignatureExplanation) -> str:
    lines = found.base if isinstance(found, SignatureExplanation) else ()
    listed = "".join(map(_line, lines))
    base = (
        f'<section class="card"><h2>The signature base</h2><ul class="base">{listed}</ul></section>\n' if lines else ""
    )
    return f'{base if lines else ""}<p class="note">{tell_tried(found.tried, complete=found.complete)}</p>\n'


def _line(line: BaseLine) -> str:
    received = "(cannot be had)" if line.received is None else line.received or "(empty)"
    if line.changed:
        shown = f"<ins>signed: {escaped(line.signed or '(empty)')}</ins><del>received: {escaped(received)}</del>"
    else:
        shown = escaped(received)
    return f"<li><b>{escaped(line.component)}</b>{shown}</li>"


def _form(fields: Mapping[str, str], sender: str) -> str:
    return f"""<form class="card" method="post" action="{EXPLAIN_PATH}" autocomplete="off">
{sender}
{_select("scheme", "What is it?", scheme_names(), fields.get("scheme", "standard"))}
{_secret("secret", "Secret", "For a signed request: the JWK set. It is used for this answer and then forgotten.")}
{_area("headers", "Headers", fields, "One a line, as they arrived; for a signed request the request line first.", 8)}
{_area("body", "Body", fields, "Byte for byte. A browser cannot keep ends of lines: say below what they were.", 8)}
<div class="pair">
{_select("body_form", "The body is", BODY_FORMS, fields.get("body_form", "lf"))}
{_line_of("url", "URL the sender calls", fields, "Where it is signed; its scheme counts for signed requests.")}
</div>
<details><summary>More</summary>
{_secret("other", "Another secret", "A retired one, or another endpoint's.")}
<div class="pair">
{_line_of("at", "Time it arrived", fields, "Seconds since 1970; now when empty.")}
{_line_of("header", "Header of a plain signature", fields, "X-Signature when empty.")}
</div>
</details>
<button type="submit">Explain</button>
</form>
"""


def _select(name: str, label: str, choices: Mapping[str, str], chosen: str, note: str = "") -> str:
    options = "".join(
        f'<option value="{escaped(value)}"{" selected" if value == chosen else ""}>{escaped(text)}</option>'
        for value, text in choices.items()
    )
    box = f'<select id="{name}" name="{name}">{options}</select>'
    below = f'<p class="note">{escaped(note)}</p>' if note else ""
    return f'<div class="field"><label for="{name}">{label}</label>{box}{below}</div>'


def _secret(name: str, label: str, note: str) -> str:
    box = f'<input id="{name}" name="{name}" type="password" autocomplete="off" spellcheck="false">'
    return f'<div class="field"><label for="{name}">{label}</label>{box}<p class="note">{escaped(note)}</p></div>'


def _line_of(name: str, label: str, fields: Mapping[str, str], note: str) -> str:
    value = escaped(fields.get(name, ""))
    box = f'<input id="{name}" name="{name}" type="text" value="{value}" autocomplete="off" spellcheck="false">'
    return f'<div class="field"><label for="{name}">{label}</label>{box}<p class="note">{escaped(note)}</p></div>'


def _area(name: str, label: str, fields: Mapping[str, str], note: str, rows: int) -> str:
    # A browser drops one line end at the beginning of a text area: it is given one to drop.
    text = escaped(fields.get(name, ""))
    box = f'<textarea id="{name}" name="{name}" rows="{rows}" spellcheck="false">\n{text}</textarea>'
    return f'<div class="field"><label for="{name}">{label}</label>{box}<p class="note">{escaped(note)}</p></div>'

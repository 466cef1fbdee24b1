"""What exactly is signed of a request, and what differs between the request as sent and as received.

Nothing here is secret or makes a signature: a base is made of the request alone, and only whoever has the key can sign
it. So no key is asked for.
"""

from typing import Final, NamedTuple

from doorward.cli.output import Output
from doorward.cli.problems import Failed, UsageProblem
from doorward.cli.signatures_message import RawRequest
from doorward.errors import Rejected
from doorward.methods.signature import PresentedSignature, parse_signatures
from doorward.methods.signature.base import build_base
from doorward.methods.signature.digest import BodyCheck, parse_content_digest
from doorward.methods.signature.fields import field_value

__all__ = ["explain_bases"]

_NOT_THERE: Final = "(cannot be had)"


class _Line(NamedTuple):
    component: str
    received: str
    sent: str | None


def explain_bases(out: Output, received: RawRequest, sent: RawRequest | None, label: str | None) -> None:
    """Show the signature base of `received`, beside that of `sent` when there is one.

    Raises:
        Failed: the two differ, or the request cannot have been signed so.
        UsageProblem: there is no signature of that label.
        Rejected: the signature fields do not parse.
    """
    signature = _choose(received, label)
    lines = _lines(signature, received, sent)
    changed = [line for line in lines if line.sent is not None and line.sent != line.received]
    body = _body_problem(received)
    if out.as_json:
        out.json(
            {
                "label": signature.label,
                "lines": [line._asdict() for line in lines],
                "changed": [line.component for line in changed],
                "body": body or "fits",
            }
        )
    else:
        for line in lines:
            _show(out, line)
        out.note(f"Body: {body or 'its digest fits, or it has none'}.")
    if any(line.received == _NOT_THERE for line in lines):
        raise Failed("A covered component cannot be had from the request as it was received.")
    if changed or body:
        parts = [*(line.component for line in changed), *(["the body"] if body else [])]
        raise Failed(f"Not as it was signed: {', '.join(parts)}.")


def _choose(received: RawRequest, label: str | None) -> PresentedSignature:
    signatures = parse_signatures(received.message) or ()
    found = [one for one in signatures if label in (None, one.label)]
    if len(found) != 1:
        raise UsageProblem(f"{len(found)} signatures are meant: choose one with --label.")
    return found[0]


def _lines(signature: PresentedSignature, received: RawRequest, sent: RawRequest | None) -> list[_Line]:
    covered = signature.covered
    frame = covered.frame.decode("ascii").split("\n")[:-1]
    names = [line.removesuffix(": %b").replace("%%", "%") for line in frame]
    lines = [
        _Line(name, _value(signature, place, received), None if sent is None else _value(signature, place, sent))
        for place, name in enumerate(names)
    ]
    last = covered.text + signature.said.text
    return [*lines, _Line('"@signature-params"', last, _sent_parameters(signature, sent))]


def _value(signature: PresentedSignature, place: int, raw: RawRequest) -> str:
    alone = signature.covered._replace(resolvers=(signature.covered.resolvers[place],), frame=b"%b%b")
    try:
        return build_base(alone, "", raw.message).decode("ascii")
    except Rejected:
        return _NOT_THERE


def _sent_parameters(signature: PresentedSignature, sent: RawRequest | None) -> str | None:
    if sent is None:
        return None
    # A sender's copy from before it was signed has no signature, and then there is nothing to compare.
    signatures = parse_signatures(sent.message) or ()
    found = [one.covered.text + one.said.text for one in signatures if one.label == signature.label]
    return found[0] if found else None


def _body_problem(raw: RawRequest) -> str | None:
    value = field_value(raw.message, b"content-digest")
    if value is None:
        return "there is one and no Content-Digest" if raw.body else None
    try:
        check = BodyCheck(parse_content_digest(value))
        check.update(raw.body)
        check.verify_end()
    except Rejected as error:
        return error.detail
    return None


def _show(out: Output, line: _Line) -> None:
    if line.sent is None or line.sent == line.received:
        out.facts([(f"  {line.component}", line.received or '""')])
        return
    out.facts([(f"- {line.component}", line.sent or '""'), (f"+ {line.component}", line.received or '""')])

"""What exactly is signed of a request, and what differs between the request as sent and as received.

Without keys it shows bases: they are made of the request alone, and only whoever has the key can sign them. With keys
it searches for the change that makes the signature fit. Neither a secret nor a signature is written.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from doorward.cli.output import Output
from doorward.cli.problems import Failed, UsageProblem
from doorward.cli.signatures_message import RawRequest
from doorward.crypto.signatures import SignatureKey
from doorward.errors import Misconfigured, Rejected
from doorward.methods.explaining import tell_tried
from doorward.methods.signature import CoverageProfile, PresentedSignature, parse_signatures
from doorward.methods.signature.base import build_base
from doorward.methods.signature.digest import BodyCheck, parse_content_digest
from doorward.methods.signature.explain import (
    BaseLine,
    ExplainedKey,
    SignatureExplanation,
    explain_signature,
    shown_component,
)
from doorward.methods.signature.fields import field_value
from doorward.wire.structured import Item, parse_inner_items, serialize_item

__all__ = ["explain_bases", "explain_with_keys"]

_NOT_THERE: Final = "(cannot be had)"


class _Line(NamedTuple):
    """A line of the base as it may be told: what is compared is not kept, for it may be a credential."""

    component: str
    received: str
    sent: str | None
    changed: bool
    missing: bool


def explain_bases(out: Output, received: RawRequest, sent: RawRequest | None, label: str | None) -> None:
    """Show the signature base of `received`, beside that of `sent` when there is one.

    Raises:
        Failed: the two differ, or the request cannot have been signed so.
        UsageProblem: there is no signature of that label.
        Rejected: the signature fields do not parse.
    """
    signature = _choose(received, label)
    lines = _lines(signature, received, sent)
    changed = [line for line in lines if line.changed]
    body = _body_problem(received)
    if out.as_json:
        out.json(
            {
                "label": signature.label,
                "lines": [
                    {"component": line.component, "received": line.received, "sent": line.sent} for line in lines
                ],
                "changed": [line.component for line in changed],
                "body": body or "fits",
            }
        )
    else:
        for line in lines:
            _show(out, line)
        out.note(f"Body: {body or 'its digest fits, or it has none'}.")
    if any(line.missing for line in lines):
        raise Failed("A covered component cannot be had from the request as it was received.")
    if changed or body:
        parts = [*(line.component for line in changed), *(["the body"] if body else [])]
        raise Failed(f"Not as it was signed: {', '.join(parts)}.")


def _choose(received: RawRequest, label: str | None) -> PresentedSignature:
    signatures = parse_signatures(received.message) or ()
    if not signatures:
        raise Rejected("credential_missing", "the request has no Signature-Input and no Signature")
    found = [one for one in signatures if label in (None, one.label)]
    if len(found) != 1:
        there = ", ".join(one.label for one in signatures)
        raise UsageProblem(f"The request has the signatures {there}: choose one of them with --label.")
    return found[0]


def _lines(signature: PresentedSignature, received: RawRequest, sent: RawRequest | None) -> list[_Line]:
    lines = []
    for place, item in enumerate(parse_inner_items(signature.covered.text)):
        got = _value(signature, place, received)
        was = None if sent is None else _value(signature, place, sent)
        lines.append(
            _Line(
                serialize_item(item),
                _told(item, got),
                None if sent is None else _told(item, was),
                changed=sent is not None and was != got,
                missing=got is None,
            )
        )
    last, before = signature.covered.text + signature.said.text, _sent_parameters(signature, sent)
    changed = before is not None and before != last
    return [*lines, _Line('"@signature-params"', last, before, changed=changed, missing=False)]


def _told(item: Item, value: bytes | None) -> str:
    return _NOT_THERE if value is None else shown_component(item, value)


def _value(signature: PresentedSignature, place: int, raw: RawRequest) -> bytes | None:
    alone = signature.covered._replace(resolvers=(signature.covered.resolvers[place],), frame=b"%b%b")
    try:
        return build_base(alone, "", raw.message)
    except Rejected:
        return None


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
    if line.changed:
        out.facts([(f"- {line.component}", line.sent or '""'), (f"+ {line.component}", line.received or '""')])
    else:
        out.facts([(f"  {line.component}", line.received or '""')])


def explain_with_keys(
    out: Output,
    received: RawRequest,
    keys: Mapping[str, SignatureKey],
    others: Mapping[str, SignatureKey],
    *,
    profile: CoverageProfile,
    now: int,
) -> bool:
    """Say why the request is refused; whether there is an answer.

    Args:
        out: where it is written.
        received: the request.
        keys: those in use, by id.
        others: retired ones, or another place's.
        profile: what must be covered.
        now: epoch seconds.

    Raises:
        UsageProblem: too many keys, or too large a body.
    """
    known = [
        ExplainedKey(key_id, verifier, in_use=in_use)
        for found, in_use in ((keys, True), (others, False))
        for key_id, verifier in found.items()
    ]
    try:
        explanation = explain_signature(received.message, received.body, known, now=now, profile=profile)
    except Misconfigured as error:
        raise UsageProblem(str(error)) from None
    if out.as_json:
        out.json(_as_json(explanation))
    else:
        _tell(out, explanation)
    return explanation.accepted or bool(explanation.findings)


def _as_json(explanation: SignatureExplanation) -> dict[str, object]:
    return {
        "ok": explanation.accepted,
        "code": explanation.code,
        "says": explanation.says,
        "findings": [
            {
                "says": finding.says,
                "cure": finding.cure,
                "key": finding.key_id,
                "proven": finding.proven,
                "changes": [change.name for change in finding.changes],
            }
            for finding in explanation.findings
        ],
        "base": [line._asdict() for line in explanation.base],
        "tried": explanation.tried,
        "complete": explanation.complete,
    }


def _tell(out: Output, explanation: SignatureExplanation) -> None:
    if explanation.accepted or not explanation.findings:
        out.verdict(explanation.says, good=explanation.accepted)
    if not explanation.accepted and not explanation.findings:
        out.note(
            "`--sent FILE`, without --keys, shows what changed on the way. `--other-keys FILE` tries retired keys."
        )
    for finding in explanation.findings:
        proof = f"Proven: the signature of {finding.key_id} fits so." if finding.proven else "Likely."
        out.finding(finding.says, proof, finding.cure)
    _tell_base(out, explanation.base)
    out.note(tell_tried(explanation.tried, complete=explanation.complete))


def _tell_base(out: Output, lines: Sequence[BaseLine]) -> None:
    for line in lines:
        received = _NOT_THERE if line.received is None else line.received or '""'
        if line.changed:
            out.facts([(f"- {line.component}", line.signed or '""'), (f"+ {line.component}", received)])
        else:
            out.facts([(f"  {line.component}", received)])

"""How the commands about webhooks tell what they found."""

from collections.abc import Sequence

from doorward.cli.output import Output
from doorward.cli.text import moment, relative
from doorward.errors import Rejected
from doorward.methods.explaining import tell_tried
from doorward.methods.webhook import VerifiedDelivery
from doorward.methods.webhook.explain import Explanation

__all__ = ["show_explanation", "show_headers", "show_refused", "show_verified"]


def show_headers(out: Output, headers: Sequence[tuple[str, str]]) -> None:
    """Header lines, or one object with the headers."""
    if out.as_json:
        out.json({"headers": dict(headers)})
        return
    for name, value in headers:
        out.secret(f"{name}: {value}")


def show_verified(out: Output, verified: VerifiedDelivery, now: int) -> None:
    """That it holds, and which secret made it."""
    if out.as_json:
        out.json(
            {
                "ok": True,
                "key": verified.secret_id,
                "scheme": verified.scheme,
                "id": verified.delivery_id,
                "timestamp": verified.timestamp,
            }
        )
        return
    out.verdict(f"The signature fits. It was made with {verified.secret_id}.", good=True)
    at = verified.timestamp
    signed_at = None if at is None else f"{moment(at)}, {relative(at, now)}"
    out.facts([("Id", verified.delivery_id), ("Signed", signed_at)])


def show_refused(out: Output, refusal: Rejected) -> None:
    """That it is refused, and why."""
    if out.as_json:
        out.json({"ok": False, "code": refusal.code, "detail": refusal.detail})
        return
    out.verdict(f"Refused: {refusal.detail or refusal.refusal.text} ({refusal.code})", good=False)
    if refusal.code == "webhook_signature":
        out.note("`doorward webhooks explain` with the same options looks for what was changed.")


def show_explanation(out: Output, explanation: Explanation) -> None:
    """The answers, the best first."""
    if out.as_json:
        out.json(
            {
                "ok": explanation.accepted,
                "code": explanation.code,
                "says": explanation.says,
                "findings": [
                    {
                        "says": finding.says,
                        "cure": finding.cure,
                        "key": finding.secret_id,
                        "proven": finding.proven,
                        "changes": [change.name for change in finding.changes],
                    }
                    for finding in explanation.findings
                ],
                "tried": explanation.tried,
                "complete": explanation.complete,
            }
        )
        return
    if explanation.accepted or not explanation.findings:
        out.verdict(explanation.says, good=explanation.accepted)
    for finding in explanation.findings:
        proof = f"Proven: a signature made with {finding.secret_id} fits so." if finding.proven else "Likely."
        out.finding(finding.says, proof, finding.cure)
    out.note(tell_tried(explanation.tried, complete=explanation.complete))

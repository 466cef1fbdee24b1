"""What is to be explained, read from a request, and what was found, as it is answered."""

import base64
import binascii
from collections.abc import Iterable, Mapping

from doorward.errors import Rejected
from doorward.server.explaining_task import Told
from doorward.server.management.explain_models import (
    EXPLAINED_BODY_BYTES_MAX,
    ExplanationView,
    FieldReceived,
    FindingView,
    LineView,
)
from doorward.wire.request import Header

__all__ = ["parse_body", "parse_received", "view_told"]


def parse_received(fields: Iterable[FieldReceived]) -> tuple[Header, ...]:
    """Header lines as a server hands them on."""
    return tuple((field.name.lower().encode("ascii"), field.value.encode("latin-1")) for field in fields)


def parse_body(presented_base64: str) -> bytes:
    """The body. Raises `Rejected("input_invalid")`."""
    try:
        body = base64.b64decode(presented_base64, validate=True)
    except (binascii.Error, ValueError):
        raise Rejected("input_invalid", "the body is not base64") from None
    if len(body) > EXPLAINED_BODY_BYTES_MAX:
        raise Rejected("input_invalid", "the body is too large to be explained")
    return body


def view_told(told: Told, owners: Mapping[str, str]) -> ExplanationView:
    """What was found. `owners`: whose each secret is, by its id."""
    return ExplanationView(
        accepted=told.accepted,
        code=told.code,
        says=told.says or told.problem,
        findings=[
            FindingView(
                says=finding.says,
                cures=list(finding.cures),
                changes=list(finding.changes),
                proven=finding.proven,
                made_with=finding.made_with,
                sender=None if finding.made_with is None else owners.get(finding.made_with),
            )
            for finding in told.findings
        ],
        base=[LineView(component=line.component, received=line.received, signed=line.signed) for line in told.base],
        tried=told.tried,
        complete=told.complete,
    )

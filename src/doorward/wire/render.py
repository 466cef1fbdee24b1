"""Refusals as HTTP answers. The only place that knows an HTTP status for a refusal code.

RFC 9457 (problem details), RFC 9110 sections 15.5 and 11.6.1, RFC 6750 section 3.1.

* The answer is made from the table of refusals alone: no detail, no header and no byte of the request is in it, so
  nothing a caller sends can come back as markup or as a header (and unknown and wrong are one answer).
* A 401 carries every challenge of the door. A 403 for a missing scope carries the bearer challenges, which then name
  the scope. Nothing else invites a credential: a browser that is challenged over plain HTTP sends its password.
"""

from typing import Final, final

import msgspec

from doorward.errors import Rejected, Unavailable
from doorward.wire.challenge import with_bearer_error
from doorward.wire.request import Header

__all__ = ["PROBLEM_TYPE_PREFIX", "STATUS_OF", "Answer", "render_refusal"]

PROBLEM_TYPE_PREFIX: Final = "urn:doorward:refusal:"
_UNAVAILABLE_RETRY_AFTER_S: Final = 1

STATUS_OF: Final[dict[str, int]] = {
    "credential_missing": 401,
    "credential_malformed": 401,
    "credential_unrecognised": 401,
    "credential_without_scheme": 401,
    "credential_conflict": 400,
    "credential_in_query": 400,
    "credential_insecure_transport": 403,
    "credential_unknown": 401,
    "credential_secret_mismatch": 401,
    "token_malformed": 401,
    "token_header": 401,
    "token_algorithm": 401,
    "token_issuer": 401,
    "token_key_unknown": 401,
    "token_signature": 401,
    "webhook_malformed": 401,
    "webhook_signature": 401,
    "signature_malformed": 401,
    "signature_key_unknown": 401,
    "signature_algorithm": 401,
    "signature_component": 401,
    "signature_mismatch": 401,
    "credential_expired": 401,
    "credential_disabled": 401,
    "credential_revoked": 401,
    "credential_network": 403,
    "credential_environment": 401,
    "token_type": 401,
    "token_claims": 401,
    "token_audience": 401,
    "token_not_yet_valid": 401,
    "token_lifetime": 401,
    "webhook_timestamp": 401,
    "signature_coverage": 401,
    "signature_expired": 401,
    "signature_not_yet_valid": 401,
    "signature_digest": 401,
    "replayed": 401,
    "request_arriving": 409,
    "delivery_in_progress": 409,
    "delivery_repeated": 200,
    "app_suspended": 401,
    "rate_limited": 429,
    "scope_insufficient": 403,
    "principal_kind": 403,
    "source_throttled": 429,
    "no_door": 403,
    "route_unknown": 404,
    "method_not_allowed": 405,
    "request_malformed": 400,
    "header_repeated": 400,
    "host_refused": 421,
    "origin_refused": 403,
    "body_too_large": 413,
    "body_slow": 408,
    "object_unknown": 404,
    "object_exists": 409,
    "object_conflict": 409,
    "state_final": 409,
    "state_expired": 409,
    "input_invalid": 422,
    "scope_escalation": 403,
    "store_unavailable": 503,
    "revocation_stale": 503,
    "keys_unavailable": 503,
    "secrets_unavailable": 503,
    "introspection_unavailable": 503,
    "claims_full": 503,
    "overloaded": 503,
}
"""The HTTP status of every refusal code. Codes that share a public code share the status.

`delivery_repeated` alone is a 2xx: there is nothing to be done, and the sender, who has proven it was his, may stop
sending. It is a refusal all the same: the handler must not run. So a status says nothing about who may pass: only
`Admitted` does. Whoever asks on behalf of another server (forward authentication), where 2xx means *let through*, must
answer this one otherwise."""


@final
class Answer(msgspec.Struct, frozen=True):
    """A whole HTTP answer, ready to be sent by any framework. Header names are lower case."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


class _Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    type: str
    title: str
    status: int
    code: str
    missing_scopes: tuple[str, ...] = ()
    instance: str | None = None


def render_refusal(
    error: Rejected | Unavailable, *, challenges: tuple[bytes, ...] = (), instance: str | None = None
) -> Answer:
    """The answer for a refusal.

    Args:
        error: what was refused and why; its `detail` never gets into the answer.
        challenges: `WWW-Authenticate` challenges of the door, without error parameters, best method first.
        instance: a URI that names this occurrence, e.g. a request id as URN; our own text.
    """
    refusal = error.refusal
    status = STATUS_OF[error.code]
    if status == 200:
        return _render_repeated(error)
    missing_scopes = error.missing_scopes if isinstance(error, Rejected) else ()
    problem = _Problem(
        type=PROBLEM_TYPE_PREFIX + refusal.public_code,
        title=refusal.text,
        status=status,
        code=refusal.public_code,
        missing_scopes=missing_scopes,
        instance=instance,
    )
    body = msgspec.json.encode(problem)
    headers: list[Header] = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
    ]
    headers += [(b"www-authenticate", line) for line in _invite(error, status, challenges, missing_scopes)]
    retry_after_s = error.retry_after_s
    if retry_after_s is None and isinstance(error, Unavailable):
        retry_after_s = _UNAVAILABLE_RETRY_AFTER_S
    if retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(0, retry_after_s)))
    if isinstance(error, Rejected):
        headers += error.answer_headers
    return Answer(status=status, headers=tuple(headers), body=body)


def _render_repeated(error: Rejected | Unavailable) -> Answer:
    """What was done before is answered as if it were done now, and with nothing: the first answer is not kept."""
    headers: tuple[Header, ...] = ((b"content-length", b"0"), (b"cache-control", b"no-store"))
    return Answer(status=200, headers=headers + (error.answer_headers if isinstance(error, Rejected) else ()), body=b"")


def _invite(
    error: Rejected | Unavailable, status: int, challenges: tuple[bytes, ...], missing_scopes: tuple[str, ...]
) -> tuple[bytes, ...]:
    text = error.refusal.text
    if status == 401:
        # RFC 6750 section 3.1: without a credential in the request there is no error to speak of.
        if error.code == "credential_missing":
            return challenges
        return tuple(with_bearer_error(line, "invalid_token", text) for line in challenges)
    if error.code == "scope_insufficient":
        bearer = (line for line in challenges if line.partition(b" ")[0].lower() == b"bearer")
        return tuple(with_bearer_error(line, "insufficient_scope", text, missing_scopes) for line in bearer)
    return ()

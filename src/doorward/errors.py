"""What can go wrong, by whose fault it is, and every refusal code in one table.

Rules of this file:

* `Rejected` is the peer's fault, `Unavailable` is ours and passes, `Misconfigured` is the operator's and stops the
  start. Our own bugs stay `AssertionError` and `TypeError` and are never caught.
* A refusal has a code from `REFUSALS`, a constant public text, and a private detail that only logs and audit see.
* Several inner codes may share one public code: whoever has not proven the secret must not learn whether the id
  exists (invariant 3). Only `wire/render.py` knows which HTTP status a code gets.
"""

from typing import Final, final

import msgspec

__all__ = ["REFUSALS", "DoorwardError", "Misconfigured", "Refusal", "Rejected", "Unavailable"]


@final
class Refusal(msgspec.Struct, frozen=True):
    """One row of the table: what we know (`code`), and what the peer is told (`public_code`, `text`)."""

    code: str
    public_code: str
    text: str


def _row(code: str, text: str, *, public_code: str | None = None) -> tuple[str, Refusal]:
    return code, Refusal(code=code, public_code=public_code or code, text=text)


_INVALID: Final = "The credential is not valid."

REFUSALS: Final[dict[str, Refusal]] = dict(
    (
        # Nothing was presented, or it could not be read.
        _row("credential_missing", "This resource needs a credential."),
        _row("credential_malformed", "The credential could not be read."),
        _row("credential_unrecognised", "The bearer value is of no kind this resource accepts."),
        _row(
            "credential_without_scheme",
            "The Authorization header names no scheme: write Bearer before the token or key.",
        ),
        _row("credential_conflict", "More than one credential was presented; send exactly one."),
        _row("credential_in_query", "Credentials are not accepted in the URL: URLs are logged. Send a header."),
        _row("credential_insecure_transport", "This credential is accepted over TLS only."),
        # Unknown and wrong are one answer from outside.
        _row("credential_unknown", _INVALID, public_code="credential_invalid"),
        _row("credential_secret_mismatch", _INVALID, public_code="credential_invalid"),
        # A token nobody has signed for us: what exactly is wrong is nobody's business but the log's.
        _row("token_malformed", "The credential could not be read.", public_code="credential_malformed"),
        _row("token_header", _INVALID, public_code="credential_invalid"),
        _row("token_algorithm", _INVALID, public_code="credential_invalid"),
        _row("token_issuer", _INVALID, public_code="credential_invalid"),
        _row("token_key_unknown", _INVALID, public_code="credential_invalid"),
        _row("token_signature", _INVALID, public_code="credential_invalid"),
        # A delivery nobody has signed for us.
        _row("webhook_malformed", "The credential could not be read.", public_code="credential_malformed"),
        _row("webhook_signature", _INVALID, public_code="credential_invalid"),
        # As with tokens: a signature nobody we know has made.
        _row("signature_malformed", "The credential could not be read.", public_code="credential_malformed"),
        _row("signature_key_unknown", _INVALID, public_code="credential_invalid"),
        _row("signature_algorithm", _INVALID, public_code="credential_invalid"),
        _row("signature_component", _INVALID, public_code="credential_invalid"),
        _row("signature_mismatch", _INVALID, public_code="credential_invalid"),
        # Only the proven holder learns these.
        _row("credential_expired", "The credential has expired."),
        _row("credential_disabled", "The credential is disabled."),
        _row("credential_revoked", "The credential has been revoked."),
        _row("credential_network", "The credential may not be used from this network."),
        _row("credential_environment", "The credential belongs to another environment."),
        _row("token_type", "The token is of another kind than this resource takes."),
        _row("token_claims", "The token lacks a claim this resource needs, or has one of the wrong form."),
        _row("token_audience", "The token is for another resource."),
        _row("token_not_yet_valid", "The token is not valid yet."),
        _row("token_lifetime", "The token lives longer than this resource takes."),
        _row("webhook_timestamp", "The delivery was signed too long ago, or ahead of time."),
        _row("signature_coverage", "The signature does not cover what this resource needs."),
        _row("signature_expired", "The signature has expired."),
        _row("signature_not_yet_valid", "The signature is not valid yet."),
        _row("signature_digest", "The body is not the one that was signed."),
        _row("replayed", "The request was sent before; a nonce counts once."),
        _row("request_arriving", "Another copy of the request is arriving at the moment; try again."),
        _row("delivery_in_progress", "The delivery is being handled at the moment."),
        _row("delivery_repeated", "The delivery was handled before."),
        _row("app_suspended", "The app this credential belongs to is suspended."),
        _row("rate_limited", "The rate limit of this credential is used up."),
        _row("scope_insufficient", "The credential lacks a scope this resource needs."),
        _row("principal_kind", "This resource is not for this kind of caller."),
        # The request itself.
        _row("source_throttled", "Too many failed attempts from this source; wait before trying again."),
        _row("no_door", "No door admits requests to this resource."),
        _row("route_unknown", "There is nothing here."),
        _row("method_not_allowed", "The resource does not support this method."),
        _row("request_malformed", "The request could not be read."),
        _row("header_repeated", "A header that must appear once was sent more than once."),
        _row("host_refused", "This server does not answer for that host."),
        _row("origin_refused", "Cross-origin requests are not accepted here."),
        _row("body_too_large", "The request body is too large."),
        _row("body_slow", "The request body did not arrive in time."),
        # Management.
        _row("object_unknown", "There is no such object."),
        _row("object_exists", "An object of that name exists already."),
        _row("object_conflict", "The object was changed meanwhile; read it again."),
        _row("state_final", "The object is revoked, and revocation is final."),
        _row("state_expired", "The object has expired; create a new one."),
        _row("input_invalid", "The input is not valid."),
        _row("scope_escalation", "A credential cannot grant more than it holds."),
        # Ours, and passing: raised as `Unavailable`.
        _row("store_unavailable", "The credential store cannot be reached; try again."),
        _row("revocation_stale", "Revocations cannot be confirmed at the moment; try again."),
        _row("keys_unavailable", "The issuer's keys cannot be fetched at the moment; try again."),
        _row("secrets_unavailable", "The sender's secrets cannot be used at the moment; try again."),
        _row("introspection_unavailable", "The issuer cannot be asked at the moment; try again."),
        _row("claims_full", "Too many deliveries of this sender are remembered; try again later."),
        _row("overloaded", "The server is at its limit; try again."),
    )
)
"""Every refusal code there is. `docs/refusals.md` is generated from it."""


class DoorwardError(Exception):
    """What all of Doorward's own exceptions have in common."""


class _Coded(DoorwardError):
    def __init__(self, code: str, detail: str = "", *, retry_after_s: int | None = None) -> None:
        assert code in REFUSALS, f"{code} is not in the table of refusals"
        super().__init__(code)
        self.code: Final = code
        self.detail: Final = detail
        self.retry_after_s: Final = retry_after_s

    @property
    def refusal(self) -> Refusal:
        """The row of the table this stands for."""
        return REFUSALS[self.code]


@final
class Rejected(_Coded):
    """The peer's fault. `detail` is private: for the audit log, never for the answer, never a secret.

    `missing_scopes` is told to the peer in the challenge (RFC 6750 section 3.1), who has proven the secret by then.
    `answer_headers` travel with the refusal (`RateLimit`, `Deprecation`).
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retry_after_s: int | None = None,
        missing_scopes: tuple[str, ...] = (),
        answer_headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(code, detail, retry_after_s=retry_after_s)
        self.missing_scopes: Final = missing_scopes
        self.answer_headers: Final = answer_headers


@final
class Unavailable(_Coded):
    """Ours, and it passes: a store that is away, a view too old to trust. The peer may try again."""


@final
class Misconfigured(DoorwardError):
    """The operator's: raised while starting. `problem` says what is unsafe, `cure` says what to change."""

    def __init__(self, problem: str, *, cure: str) -> None:
        super().__init__(f"{problem} {cure}")
        self.problem: Final = problem
        self.cure: Final = cure

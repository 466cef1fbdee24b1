"""Say why a delivery is refused: verify it as the door would, search, and put what was found into sentences."""

from collections.abc import Iterator, Sequence
from typing import Final, final

import msgspec

from doorward.errors import Misconfigured, Rejected
from doorward.methods.explaining.bodies import Bodies
from doorward.methods.explaining.change import Change, Variant
from doorward.methods.explaining.work import Work
from doorward.methods.webhook.config import BODY_BYTES_MAX, TOLERANCE_S
from doorward.methods.webhook.explain.evidence import find_evidence, find_missing, find_other_kind
from doorward.methods.webhook.explain.keys import SecretText, key_variants, verifiers_of
from doorward.methods.webhook.explain.moments import Frame, frames, received_time, within_the_second
from doorward.methods.webhook.explain.search import Fit, Search
from doorward.methods.webhook.explain.sentences import Finding, distinct_fits, parse_seconds, tell_evidence, tell_fit
from doorward.methods.webhook.explain.spelling import header_values, read_targets
from doorward.methods.webhook.explain.urls import url_frames
from doorward.methods.webhook.schemes import SCHEMES, Scheme
from doorward.methods.webhook.secrets import WebhookSecret, parse_secret
from doorward.methods.webhook.verify import verify_delivery
from doorward.wire.request import Header

__all__ = ["Explanation", "Finding", "explain_delivery"]

EXPLAINED_SECRETS_MAX: Final = 16
"""How many secrets one explanation tries."""
FINDINGS_MAX: Final = 5
"""How many findings one explanation tells."""

_NONE: Final = (
    "None of these: no known change, alone or with a second one, makes a signature fit. The body or the secret is "
    "another one."
)


@final
class Explanation(msgspec.Struct, frozen=True):
    """Why a delivery is refused, the best answer first."""

    accepted: bool
    """Whether it is not refused at all."""
    code: str | None
    """The refusal's code."""
    findings: tuple[Finding, ...]
    """Empty when it is accepted, or when none of the known changes makes a signature fit."""
    says: str
    """The first answer as a sentence, or that there is none."""
    tried: int
    """How many combinations were tried."""
    complete: bool
    """Whether the search came to its end before its limit."""


def explain_delivery(
    scheme: Scheme,
    secrets: Sequence[SecretText],
    headers: Sequence[Header],
    body: bytes,
    *,
    now: int,
    url: str | None = None,
    tolerance_s: int = TOLERANCE_S,
    work: Work | None = None,
) -> Explanation:
    """Why a delivery is refused.

    Args:
        scheme: as the receiver has it.
        secrets: only such as the caller may administer; at most 16.
        headers: as received.
        body: as received, up to 1 MiB.
        now: epoch seconds.
        url: as the receiver has it; for schemes that sign it.
        tolerance_s: as the receiver has it.
        work: what the search is paid from; None: `WORK_UNITS_MAX`.

    Raises:
        Misconfigured: too many secrets, of which 8 may be active; a body too large to search; a tolerance out of range;
            a secret or a URL that is no text.
    """
    work = Work() if work is None else work
    _require_text(secrets, url)
    if len(secrets) > EXPLAINED_SECRETS_MAX or len(body) > BODY_BYTES_MAX:
        raise Misconfigured(
            "This delivery is too large to explain.",
            cure=f"Give at most {EXPLAINED_SECRETS_MAX} secrets and a body of at most {BODY_BYTES_MAX:,} bytes.",
        )
    try:
        verified = verify_delivery(
            scheme, _parsed(scheme, secrets), headers, body, now=now, url=url, tolerance_s=tolerance_s
        )
    except Rejected as refusal:
        refused: Rejected | None = refusal
    except Misconfigured:
        if not scheme.signs_url or url is not None:
            raise
        refused = None
    else:
        return Explanation(
            accepted=True,
            code=None,
            findings=(),
            says=f"The signature fits: it was made with {verified.secret_id}.",
            tried=1,
            complete=True,
        )
    search = _search(scheme, secrets, headers, now, work)
    fits = _run(search, scheme, headers, body, now=now, url=url, work=work)
    findings = [
        tell_fit(fit, scheme, headers, refused, now=now, tolerance_s=tolerance_s) for fit in distinct_fits(fits)
    ]
    if not findings:
        findings = [
            *_under_another_scheme(scheme, secrets, headers, body, now, url, work),
            *(tell_evidence(change) for change in find_missing(scheme, headers, url=url)),
            *(tell_evidence(change) for change in find_other_kind(scheme, secrets, *read_targets(scheme, headers))),
            *(tell_evidence(change) for change in find_evidence(scheme, headers, body)),
        ]
    return Explanation(
        accepted=False,
        code=None if refused is None else refused.code,
        findings=tuple(findings[:FINDINGS_MAX]),
        says=findings[0].says if findings else _NONE,
        tried=search.tried,
        complete=search.complete,
    )


def _parsed(scheme: Scheme, secrets: Sequence[SecretText]) -> list[WebhookSecret]:
    parsed = []
    for secret in secrets:
        if secret.in_use:
            try:
                parsed.append(
                    parse_secret(
                        scheme,
                        secret.text,
                        secret_id=secret.id,
                        not_before=secret.not_before,
                        not_after=secret.not_after,
                        danger_short=True,
                    )
                )
            except Misconfigured:
                continue  # the search reads it in every way there is
    return parsed


def _require_text(secrets: Sequence[SecretText], url: str | None) -> None:
    try:
        for text in (*(secret.text for secret in secrets), url or ""):
            text.encode()
    except UnicodeEncodeError:
        # No value of it, and no cause: it may be the secret.
        raise Misconfigured(
            "A secret or the URL holds a half of a character (a lone surrogate), which no text has.",
            cure="Copy it again from where the sender shows it.",
        ) from None


def _search(scheme: Scheme, secrets: Sequence[SecretText], headers: Sequence[Header], now: int, work: Work) -> Search:
    macs, signatures = read_targets(scheme, headers)
    return Search(key_variants(scheme, secrets, now), macs, verifiers_of(scheme, secrets, now), signatures, work)


def _run(
    search: Search,
    scheme: Scheme,
    headers: Sequence[Header],
    body: bytes,
    *,
    now: int,
    url: str | None,
    work: Work,
) -> list[Fit]:
    if not header_values(headers, scheme.signature_header) or (scheme.signs_url and url is None):
        return []
    made_at = parse_seconds(received_time(scheme, headers))
    around: Iterator[Variant[Frame]] = frames(scheme, headers)
    if url is not None and scheme.signs_url:
        around = url_frames(scheme, headers, url, work)
    bodies = Bodies(body, made_at=now if made_at is None else made_at, work=work)
    return search.find(
        body,
        frames=around,
        bodies=bodies.singles(),
        pairs=bodies.pairs(),
        last=within_the_second(scheme, headers),
    )


def _under_another_scheme(
    scheme: Scheme,
    secrets: Sequence[SecretText],
    headers: Sequence[Header],
    body: bytes,
    now: int,
    url: str | None,
    work: Work,
) -> Iterator[Finding]:
    for other in SCHEMES.values():
        if other.name != scheme.name and header_values(headers, other.signature_header):
            search = _search(other, secrets, headers, now, work)
            for fit in _run(search, other, headers, body, now=now, url=url, work=work)[:1]:
                change = Change(
                    "scheme.other",
                    f"it is read as a delivery of {other.sender}",
                    f"Verify it with the scheme {other.name}.",
                )
                changes = (change, *fit.changes)
                says = f"The signature fits when {' and '.join(change.fits_when for change in changes)}."
                cures = dict.fromkeys(change.cure for change in changes)
                yield Finding(changes, says, " ".join(cures), fit.secret_id, proven=True)

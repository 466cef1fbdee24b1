"""Say why a signed request is refused: verify it as the door would, search, and put what was found into sentences."""

from collections.abc import Sequence
from typing import Final, final

import msgspec

from doorward.errors import Misconfigured, Rejected
from doorward.methods.explaining import STEP_UNITS, Work
from doorward.methods.signature.components import Message
from doorward.methods.signature.config import CoverageProfile
from doorward.methods.signature.explain.after_proof import judge
from doorward.methods.signature.explain.bases import BaseLine, base_lines
from doorward.methods.signature.explain.body_changes import body_alternatives
from doorward.methods.signature.explain.field_changes import Field, field_alternatives
from doorward.methods.signature.explain.keys import ExplainedKey, keys_to_try
from doorward.methods.signature.explain.pieces import BaseOf, take_apart
from doorward.methods.signature.explain.search import ONE_CHANGE, SEVERAL_CHANGES, Fit, Group, Search
from doorward.methods.signature.explain.sentences import (
    SignatureFinding,
    missing_parts,
    tell_evidence,
    tell_fit,
    unreadable,
)
from doorward.methods.signature.explain.signature_changes import (
    octet_alternatives,
    parameter_alternatives,
    readable,
)
from doorward.methods.signature.explain.target_changes import TARGET_BYTES_MAX, authorities, target_alternatives
from doorward.methods.signature.profiles import DEFAULT_PROFILE
from doorward.methods.signature.verify import verify_request
from doorward.methods.signature.wire import PresentedSignature

__all__ = ["SignatureExplanation", "SignatureFinding", "explain_signature"]

EXPLAINED_KEYS_MAX: Final = 32
"""How many keys one explanation tries."""
EXPLAINED_BODY_BYTES_MAX: Final = 1_048_576
"""How large the body of an explained request may be."""
FINDINGS_MAX: Final = 5
"""How many findings one explanation tells."""

_SETUP_UNITS: Final = 1_000_000
_RESPELLED_UNITS: Final = 2_000

_NONE: Final = (
    "None of these: no known change, alone or with a second one, makes a signature fit. The request or the key is "
    "another one, or something on the way has changed it and left no trace, as a proxy does that writes another Host "
    "and no X-Forwarded-Host. Compare it with the request as it was sent."
)


@final
class SignatureExplanation(msgspec.Struct, frozen=True):
    """Why a signed request is refused, the best answer first."""

    accepted: bool
    code: str | None
    """The refusal's code."""
    findings: tuple[SignatureFinding, ...]
    """Empty when it is accepted, or when none of the known changes makes the signature fit."""
    says: str
    """The first answer as a sentence, or that there is none."""
    base: tuple[BaseLine, ...]
    """The lines of the signature base as received, beside those with which the signature fits."""
    tried: int
    """How many combinations were tried."""
    complete: bool
    """Whether the search came to its end before its limit."""


def explain_signature(
    message: Message,
    body: bytes,
    keys: Sequence[ExplainedKey],
    *,
    now: int,
    profile: CoverageProfile = DEFAULT_PROFILE,
    work: Work | None = None,
) -> SignatureExplanation:
    """Why a signed request is refused.

    Args:
        message: as received.
        body: as received, up to 1 MiB.
        keys: only such as the caller may administer; at most 32. Of those in use no two have the same id.
        now: epoch seconds.
        profile: what the verifier demands.
        work: what the search is paid from; None: `WORK_UNITS_MAX`.

    Raises:
        Misconfigured: too many keys, or a body too large to search.
    """
    if len(keys) > EXPLAINED_KEYS_MAX or len(body) > EXPLAINED_BODY_BYTES_MAX:
        raise Misconfigured(
            "This request is too large to explain.",
            cure=f"Give at most {EXPLAINED_KEYS_MAX} keys and a body of at most {EXPLAINED_BODY_BYTES_MAX:,} bytes.",
        )
    try:
        key_id = _verify(message, body, keys, profile, now)
    except Rejected as refused:
        return _explain(message, body, keys, profile, now, refused, Work() if work is None else work)
    presented = next(one for one in readable(message, profile.structured_fields)[1] if one.lookup_id == key_id)
    return SignatureExplanation(
        accepted=True,
        code=None,
        findings=(),
        says=f"The signature fits: it was made with {key_id}.",
        base=base_lines(message, presented),
        tried=1,
        complete=True,
    )


def _verify(message: Message, body: bytes, keys: Sequence[ExplainedKey], profile: CoverageProfile, now: int) -> str:
    verifiers = {key.id: key.verifier for key in keys if key.in_use}
    verified = verify_request(message, verifiers, profile, now)
    if verified is None:
        raise Rejected("credential_missing", "the request has no Signature-Input and no Signature")
    check = verified.body()
    if check is not None:
        check.update(body)
        check.verify_end()
    return verified.key_id


def _explain(
    message: Message,
    body: bytes,
    keys: Sequence[ExplainedKey],
    profile: CoverageProfile,
    now: int,
    refused: Rejected,
    work: Work,
) -> SignatureExplanation:
    search = Search(work)
    try:
        message, presented, spelled = readable(message, profile.structured_fields)
    except Rejected as unread:
        return _told(refused.code, [tell_evidence(unreadable(unread))], (), search, 0)
    presented = tuple(one for one in presented if profile.label in (None, one.label))
    best: tuple[PresentedSignature, list[Fit]] | None = None
    for one in presented:
        fits = _search(search, message, body, one, keys, now)
        if fits and (best is None or len(fits[0].changes) < len(best[1][0].changes)):
            best = one, fits
    if best is None:
        evidence = [tell_evidence(change) for change in missing_parts(message, presented)]
        lines = base_lines(message, presented[0]) if presented else ()
        return _told(refused.code, evidence, lines, search, 0)
    signature, fits = best
    judgement = judge(message, body, signature, fits[0], profile, now, work)
    findings = [tell_fit(fit, spelled, judgement, refused) for fit in fits]
    if judgement.body_unknown and not fits[0].changes and not judgement.changes:
        findings = []
    lines = base_lines(message, signature, fits[0].pieces)
    return _told(refused.code, findings, lines, search, judgement.tried, other=judgement.says)


def _told(
    code: str,
    findings: Sequence[SignatureFinding],
    lines: tuple[BaseLine, ...],
    search: Search,
    tried: int,
    *,
    other: str = "",
) -> SignatureExplanation:
    distinct = list({finding.says: finding for finding in findings}.values())[:FINDINGS_MAX]
    return SignatureExplanation(
        accepted=False,
        code=code,
        findings=tuple(distinct),
        says=distinct[0].says if distinct else other or _NONE,
        base=lines,
        tried=search.tried + tried,
        complete=search.complete,
    )


def _search(
    search: Search, message: Message, body: bytes, presented: PresentedSignature, keys: Sequence[ExplainedKey], now: int
) -> list[Fit]:
    work = search.work
    if not work.take(_setup_units(message, presented)):
        return []
    base_of, received = BaseOf(message, presented), take_apart(message, presented)
    fields = [
        Field(place, str(item.value), not item.parameters, presented.covered.resolvers[place])
        for place, item in enumerate(base_of.items)
        if not str(item.value).startswith("@")
    ]
    names = " ".join(str(item.value) for item in base_of.items)
    pieces = target_alternatives(message, received)
    groups = [Group(pieces[name], of_target=True) for name in pieces if _touches(name, names)]
    hosts = authorities(message, received)
    groups += [Group(field_alternatives(field, message, hosts, work)) for field in fields]
    groups += [Group(parameter_alternatives(presented)), Group(octet_alternatives(presented))]
    tries = keys_to_try(keys, presented.lookup_id)
    groups = [group for group in groups if group.alternatives]
    found = search.find(base_of, received, groups, tries, totals=ONE_CHANGE)
    if found:
        return found
    # Costly to make, so only when nothing plainer fits, and too many to be tried with others.
    made_at = presented.said.created if presented.said.created is not None else now
    bodies = [Group([*body_alternatives(fields, message, body, made_at, work)])]
    return search.find(base_of, received, bodies, tries, totals=ONE_CHANGE) or search.find(
        base_of, received, groups, tries, totals=SEVERAL_CHANGES
    )


def _setup_units(message: Message, presented: PresentedSignature) -> int:
    """What it takes to take a request apart, and to write its target and the parameters otherwise."""
    octets = len(message.target[:TARGET_BYTES_MAX]) + len(presented.said.text)
    return (
        _SETUP_UNITS + _RESPELLED_UNITS * octets + STEP_UNITS * len(message.headers) * len(presented.covered.resolvers)
    )


def _touches(piece: str, names: str) -> bool:
    return {
        "method": "@method" in names,
        "scheme": "@scheme" in names or "@target-uri" in names,
        "authority": "@authority" in names or "@target-uri" in names,
        "path": "@path" in names or "@request-target" in names or "@target-uri" in names,
        "query": "@query" in names or "@request-target" in names or "@target-uri" in names,
    }[piece]

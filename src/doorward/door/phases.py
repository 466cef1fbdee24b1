"""The phases of a request, in order, as one table (DESIGN section 3).

Rules of this file:

* A phase answers one question. It returns None, raises `Rejected` or `Unavailable`, or returns something to be
  awaited. On the warm path no phase returns anything: no I/O, nothing suspends.
* No phase looks at what a later one decides. What a refusal may tell follows from the order: before `verify` nobody
  learns whether an id exists, after it the holder may know why.
* `gather` is done by `frameworks/` before a door sees the request, and `settle` after the handler. `bound` has no
  question to ask as long as no method binds tokens to keys.
* A body that is part of the proof is read before anything is looked up: it may take its time, and what was looked up
  would be old by then. A source that has used up its failures is asked for a small one only.
* A body whose digest was proven with the headers is asked for when nothing else can say no, and before anything is
  used up: a stranger makes us keep nothing, and an upload that breaks off burns no nonce. It may take its time too:
  what was found before it is asked again after it, and looked up again when it took long.
"""

from collections.abc import Awaitable, Callable
from typing import Final, final

import msgspec

from doorward.door.arriving import enter_arriving
from doorward.door.budget import source_of
from doorward.door.cache import Entry
from doorward.door.claims import claim_for, is_claimed_by
from doorward.door.leases import RateSpender
from doorward.door.passage import Passage
from doorward.door.presenting import extract, now_of, single
from doorward.door.recording import record_admission
from doorward.door.unproven import read_unproven
from doorward.errors import Rejected, Unavailable
from doorward.methods.claims import Claim
from doorward.methods.contract import BodyCheck
from doorward.methods.plane import Plane
from doorward.revocation.port import RevocationView
from doorward.values import RateLimit
from doorward.wire.ratelimit import rate_headers

__all__ = ["PAID_OUTAGES", "PHASES", "PROOF_FAILURES", "Phase"]

PROOF_FAILURES: Final = frozenset(
    {
        "credential_unknown",
        "credential_secret_mismatch",
        "credential_malformed",
        "credential_unrecognised",
        "token_malformed",
        "token_header",
        "token_algorithm",
        "token_issuer",
        "token_key_unknown",
        "token_signature",
        "webhook_malformed",
        "webhook_signature",
        "signature_malformed",
        "signature_key_unknown",
        "signature_algorithm",
        "signature_component",
        "signature_mismatch",
    }
)
"""Refusals that are paid for from the failure budget of the source."""
PAID_OUTAGES: Final = frozenset({"secrets_unavailable"})
"""What cannot be answered and is paid for all the same: nobody's secret fits, whoever signs."""
_KEY_HAS_LEFT: Final = frozenset({"token_key_unknown"})
RELOADS_MAX: Final = 3
"""How often a record is loaded again when it keeps changing while it is being loaded."""
NEVER_CONFIRMED: Final = -1
BODY_OUTLIVES_RECORD_S: Final = 60.0
"""How long a body may take before the record it was proven with is looked up again, whatever the view says."""

Run = Callable[[Passage], Awaitable[None] | None]


@final
class Phase(msgspec.Struct, frozen=True):
    """One row. `run` None: done elsewhere, or not asked by any method there is."""

    number: str
    name: str
    room: str
    question: str
    run: Run | None


def budget(passage: Passage) -> Awaitable[None] | None:
    """A warm credential passes; a cold one needs a source with failures left."""
    body_bytes_max = passage.lane.body_bytes_max
    return _enter(passage) if body_bytes_max is None else _enter_with_body(passage, body_bytes_max)


async def _enter_with_body(passage: Passage, body_bytes_max: int) -> None:
    await read_unproven(passage, body_bytes_max)
    # Whoever sends slowly is judged by when it has come: its time, and how old the view of revocations is.
    passage.monotonic, passage.now = passage.demand.monotonic(), now_of(passage)
    if passage.is_throttled:
        # It was let in for what it may cost, the load of this sender's record among it.
        _find_warm(passage)
        return
    waiting = _enter(passage)
    if waiting is not None:
        await waiting


def _enter(passage: Passage) -> Awaitable[None] | None:
    if _find_warm(passage):
        return None
    source = source_of(passage.request.client)
    passage.entered = passage.demand.budget.enter(source, passage.monotonic)
    return None if passage.entered is not None else _wait_to_enter(passage)


def _find_warm(passage: Passage) -> bool:
    cache = passage.lane.cache
    presented_id = passage.presented.lookup_id
    entry = cache.find(presented_id, passage.monotonic)
    if entry is not None:
        plane = passage.lane.plane
        # A record that has changed since is not asked at all: it might refuse what the new one allows.
        if (
            plane is None
            or entry.generation == plane.view.generation
            or not plane.view.changed_since(entry.handles, entry.position)
        ):
            passage.entry = entry
            return True
        cache.forget(presented_id)
    return False


async def _wait_to_enter(passage: Passage) -> None:
    source = source_of(passage.request.client)
    passage.entered = await passage.demand.budget.wait_to_enter(source, passage.monotonic)


def load(passage: Passage) -> Awaitable[None] | None:
    """The record, from the cache or from the store."""
    entry = passage.entry
    if entry is None:
        return _load(passage)
    passage.record = entry.record
    passage.position = entry.position
    return None


async def _load(passage: Passage) -> None:
    plane = passage.lane.plane
    if plane is not None and not plane.started:
        await plane.start()
    cache = passage.lane.cache
    if passage.is_throttled:
        loaded = await cache.load_lately(passage.presented, passage.monotonic)
    else:
        loaded = await cache.load(passage.presented)
    passage.record = loaded.record
    passage.position = loaded.position


def verify(passage: Passage) -> Awaitable[None] | None:
    """The proof."""
    try:
        _prove(passage)
    except Rejected as refused:
        if passage.entry is None or refused.code not in _KEY_HAS_LEFT:
            raise
        return _prove_again(passage)
    return None


def _prove(passage: Passage) -> None:
    passage.verified = verified = passage.lane.method.verify(
        passage.presented, passage.record, passage.request, passage.now
    )
    passage.answer_headers = verified.answer_headers


async def _prove_again(passage: Passage) -> None:
    """The key it was proven with is not at hand any more: it is looked for as for a token nobody has seen.

    Whoever holds it guesses nothing, so no failure is counted: an issuer that loses its keys for a moment would have
    every caller behind one address shut out.
    """
    passage.was_proven = True
    passage.entry = None
    await _load(passage)
    _prove(passage)


def revoked(passage: Passage) -> Awaitable[None] | None:
    """One comparison when nothing was revoked anywhere; otherwise everything the proof rests on is asked for."""
    plane = passage.lane.plane
    entry = passage.entry
    if plane is None:
        if entry is None:
            _keep(passage, generation=0)
        return None
    view = plane.view
    try:
        view.require_fresh(passage.monotonic)
    except Unavailable:
        # Asking whether the plane runs in this loop costs a system call (Python 3.11): too much for every request, and
        # a plane that has stopped shows here at the latest.
        if not plane.started:
            return _start_again(passage, plane)
        if passage.lane.confirming is None:
            raise
        return _confirm(passage, plane.view)
    generation = view.generation
    if entry is not None and entry.generation == generation:
        return None
    return _ask(passage, view, generation)


def _ask(passage: Passage, view: RevocationView, generation: int) -> Awaitable[None] | None:
    handles = passage.verified.handles
    entry = passage.entry
    if entry is None and view.changed_since(handles, passage.position):
        return _load_again(passage, view)
    if view.is_revoked(handles, passage.verified.since):
        raise Rejected("credential_revoked")
    if entry is None:
        _keep(passage, generation=generation)
    else:
        entry.generation = generation
        entry.position = view.position
    return None


async def _confirm(passage: Passage, view: RevocationView) -> None:
    """The view is too old to say that nothing was revoked: what it does know still counts, the rest is asked."""
    confirming, verified = passage.lane.confirming, passage.verified
    assert confirming is not None, "asked of a method that confirms nothing"
    if view.is_revoked(verified.handles, verified.since) or not await confirming.confirm(passage.presented):
        raise Rejected("credential_revoked")
    if passage.entry is None:
        # Of no generation a view can have: whoever comes next is asked again, or looked up in a view that is fresh.
        _keep(passage, generation=NEVER_CONFIRMED)


async def _start_again(passage: Passage, plane: Plane) -> None:
    await plane.start()
    plane.view.require_fresh(passage.monotonic)
    await _load_again(passage, plane.view)


async def _load_again(passage: Passage, view: RevocationView) -> None:
    """The record changed while it was being loaded (narrowed scopes, suspension): load and prove it again."""
    for _ in range(RELOADS_MAX):
        loaded = await passage.lane.cache.load(passage.presented)
        passage.record = loaded.record
        passage.position = loaded.position
        _prove(passage)
        generation = view.generation
        handles = passage.verified.handles
        if not view.changed_since(handles, passage.position):
            if view.is_revoked(handles, passage.verified.since):
                raise Rejected("credential_revoked")
            _keep(passage, generation=generation)
            return
    raise Unavailable("revocation_stale", "the record changed each time it was loaded")


def _keep(passage: Passage, *, generation: int) -> None:
    entry = Entry(
        passage.record,
        passage.verified.handles,
        position=passage.position,
        generation=generation,
        loaded_at=passage.monotonic,
        octets=passage.presented.octets,
    )
    passage.lane.cache.keep(passage.presented.lookup_id, entry)


def limits(passage: Passage) -> Awaitable[None] | None:
    """One unit of the credential's rate, from the share this process holds."""
    verified = passage.verified
    if verified.rate is None:
        return None
    spender = passage.lane.spender
    assert spender is not None, "a method without a store has nowhere to count a rate"
    spent = spender.spend(verified.principal.credential_id, verified.rate)
    if spent is None:
        return _refill(passage, spender, verified.rate)
    passage.answer_headers += rate_headers(spent.limit, spent.remaining, spent.reset_s)
    return None


async def _refill(passage: Passage, spender: RateSpender, rate: RateLimit) -> None:
    spent = await spender.refill(passage.verified.principal.credential_id, rate)
    passage.answer_headers += rate_headers(spent.limit, spent.remaining, spent.reset_s)


def authorize(passage: Passage) -> None:
    """What the door demands, against what the principal holds."""
    passage.decision = passage.demand.rule.decide(passage.verified.principal)


def body(passage: Passage) -> Awaitable[None] | None:
    """The body is the one whose digest was proven."""
    check = passage.verified.body_check
    return None if check is None else _check_body(passage, check)


async def _check_body(passage: Passage, check: BodyCheck) -> None:
    bytes_max = passage.lane.checked_body_bytes_max
    assert bytes_max is not None, "a method whose requests have a body to check says how large it may be"
    _leave_proven(passage)
    _enter_alone(passage)
    principal = passage.verified.principal
    await passage.request.pass_body(check.update, bytes_max, f"{principal.kind} {principal.id}")
    check.verify_end()
    plane = passage.lane.plane
    if plane is not None:
        await _ask_again(passage, plane.view)
    # The proof is as of when its headers came, and what it may be used for as of now.
    not_after = passage.verified.principal.not_after
    if not_after is not None and now_of(passage) >= not_after:
        raise Rejected("credential_expired", "while the body arrived")


def _enter_alone(passage: Passage) -> None:
    """One copy of a request at a time, and none whose nonce is known to be used."""
    wanted, plane = passage.verified.claim, passage.lane.plane
    if wanted is None or plane is None or is_claimed_by(passage.before.values(), plane.claims, wanted):
        return
    passage.arriving = enter_arriving(plane.claims, wanted, passage.lane.handled)


async def _ask_again(passage: Passage, view: RevocationView) -> None:
    """What may have been taken from the credential while the body arrived: how fresh the view must be is judged by now.

    A view tells of changes for as long as a record is cached, and of revocations for a while longer: a body may take
    longer than either.
    """
    began, passage.monotonic = passage.monotonic, passage.demand.monotonic()
    view.require_fresh(passage.monotonic)
    handles = passage.verified.handles
    took_long = passage.monotonic - began > BODY_OUTLIVES_RECORD_S
    if took_long or view.changed_since(handles, passage.position):
        await _load_again(passage, view)
        authorize(passage)
    elif view.is_revoked(handles, passage.verified.since):
        raise Rejected("credential_revoked")


def _leave_proven(passage: Passage) -> None:
    """Who is proven is no failure: a slow body must not hold what other loads of its source wait for."""
    entered, passage.entered, passage.was_proven = passage.entered, None, True
    if entered is not None:
        passage.demand.budget.leave(entered, failed=False)


def claim(passage: Passage) -> Awaitable[None] | None:
    """What is used up by this request, when nothing else can say no: a 403 or a 429 burns nothing."""
    wanted = passage.verified.claim
    return None if wanted is None else _claim(passage, wanted)


async def _claim(passage: Passage, wanted: Claim) -> None:
    plane = passage.lane.plane
    assert plane is not None, "a method without a store has nowhere to claim"
    if not is_claimed_by(passage.before.values(), plane.claims, wanted):
        passage.settlement = await claim_for(plane.claims, wanted, passage.lane.handled)
        passage.claimed = plane.claims, wanted


def record(passage: Passage) -> None:
    """Admitted: count the use, and tell the log."""
    record_admission(passage.lane, passage.verified.principal, passage.request, passage.now)


PHASES: Final = (
    Phase("1", "gather", "frameworks/", "build the `Request` view", None),
    Phase("2", "extract", "methods/*/wire", "is your kind of credential here?", extract),
    Phase("3", "single", "door/", "one primary credential", single),
    Phase("4", "budget", "door/", "has this source used up its failures?", budget),
    Phase("5", "load", "methods/*/port", "the record by its public id, through the cache", load),
    Phase("6", "verify", "methods/*/verify", "prove it", verify),
    Phase("7", "revoked?", "revocation/", "is anything this proof rests on revoked?", revoked),
    Phase("8", "bound?", "door/", "does the token's `cnf` match this request's DPoP key or certificate?", None),
    Phase("9", "limits", "door/", "rate per credential", limits),
    Phase("10", "authorize", "access/", "scopes, roles, policies → `Decision` with reasons", authorize),
    Phase("10a", "body", "door/", "is the body the one whose digest was proven?", body),
    Phase("11", "claim", "door/", "what may be used once (nonce, `jti`, delivery) is claimed last", claim),
    Phase("12", "record", "audit/", "last-used and events, batched", record),
    Phase("13", "settle", "door/", "after the handler: complete or release what was claimed", None),
)

"""Signing keys as people see them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doorward.cli.output import Column, Output, styled
from doorward.cli.text import brief, in_words, moment, relative
from doorward.keys.config import RETIREMENT_S, RingPolicy
from doorward.keys.keyring_port import SigningKeyRecord, SigningKeyState
from doorward.keys.lifecycle import rotate_at
from doorward.keys.moves import find_key

__all__ = [
    "show_compromised",
    "show_imported",
    "show_retired",
    "show_ring",
    "show_rotated",
    "signing_key_shape",
]

_COLUMNS = (
    Column("Key id", fixed=True),
    Column("State", fixed=True),
    Column("Algorithm", fixed=True),
    Column("Since", fixed=True),
    Column("Next", fixed=True),
)
_ORDER = (SigningKeyState.CURRENT, SigningKeyState.NEXT, SigningKeyState.PREVIOUS, SigningKeyState.RETIRED)
_STYLES = {
    SigningKeyState.CURRENT: "green",
    SigningKeyState.NEXT: "cyan",
    SigningKeyState.PREVIOUS: "yellow",
    SigningKeyState.RETIRED: "dim",
}
Ring = Sequence[SigningKeyRecord]


def show_ring(out: Output, records: Ring, policies: Mapping[str, RingPolicy], now: int) -> None:
    """A line each, the key that signs first; a table an issuer."""
    issuers = sorted({key.issuer for key in records})
    if not records:
        show_nothing(out)
    for issuer in issuers:
        ring = sorted(
            (key for key in records if key.issuer == issuer),
            key=lambda key: (_ORDER.index(key.state), -key.created_at, key.kid),
        )
        policy = policies[issuer]
        if out.as_json:
            for key in ring:
                out.json(signing_key_shape(key, ring, policy))
            continue
        out.heading(issuer)
        out.table(_COLUMNS, [_row(key, ring, policy, now) for key in ring], empty="")


def show_nothing(out: Output) -> None:
    """There is no ring."""
    out.note("No signing keys yet: `doorward serve`, or the first token that is issued, makes them.")


def show_rotated(out: Output, ring: Ring, policy: RingPolicy, now: int) -> None:
    """What signs now, what follows, and what only verifies."""
    if out.as_json:
        out.json({"keys": [signing_key_shape(key, ring, policy) for key in ring]})
        return
    current, following = find_key(ring, SigningKeyState.CURRENT), find_key(ring, SigningKeyState.NEXT)
    assert current is not None
    assert following is not None
    out.done(f"Rotated: {current.kid} ({current.algorithm.value}) signs from now on.")
    known_at = current.published_at + policy.published_ahead_s
    if known_at > now:
        out.warn(
            f"It was published {in_words(max(1, now - current.published_at))} ago: verifiers that cached the JWKS "
            f"before refuse its tokens until they fetch it again, {in_words(known_at - now)} at most."
        )
    out.note(f"{following.kid} is published and follows it; every other key verifies until what it signed has expired.")


def show_retired(out: Output, gone: SigningKeyRecord, before: SigningKeyState, now: int) -> None:
    """A key that left before its time."""
    if out.as_json:
        out.json(signing_key_shape(gone))
        return
    if before is SigningKeyState.NEXT:
        out.done(f"Retired: {gone.kid} never signs. Another key was published in its place.")
        return
    out.done(f"Retired: {gone.kid}. What it signed is refused, by the feed within its bound.")
    alive_until = RETIREMENT_S + (gone.superseded_at or now)
    out.note(f"Its last token would have been verified until {moment(alive_until)}; holders need a new one.")


def show_compromised(  # everything an operator must know in that hour
    out: Output,
    gone: SigningKeyRecord,
    before: SigningKeyState,
    ring: Ring,
    policy: RingPolicy,
    max_staleness_s: float,
    now: int,
) -> None:
    """What is refused, from when on, by whom, and what signs instead."""
    current = find_key(ring, SigningKeyState.CURRENT)
    known_at = None if current is None else current.published_at + policy.published_ahead_s
    if out.as_json:
        signs = None if current is None else signing_key_shape(current, ring, policy)
        out.json({"retired": signing_key_shape(gone), "signs_now": signs, "known_everywhere_at": known_at})
        return
    out.done(f"Refused for good: everything {gone.kid} has signed or will sign, whatever `exp` it carries.")
    out.note()
    out.note(
        "Verifiers that follow the feed refuse it as soon as they hear: at once by push, within a second or two by "
        f"pull, and none later than its staleness ({in_words(int(max_staleness_s))} unless set otherwise)."
    )
    out.note(
        "It is out of the JWKS. Verifiers that only cache the JWKS take its tokens until they fetch it again: "
        f"{in_words(policy.jwks_max_age_s)} by our cache headers, longer where one is configured to ignore them."
    )
    if before is SigningKeyState.CURRENT and current is not None and known_at is not None:
        published = relative(current.published_at, now)
        if known_at <= now:
            out.note(f"{current.kid} signs now. It was published {published}, so every verifier knows it.")
        else:
            out.warn(
                f"{current.kid} signs now, and was published only {published}: verifiers that cached the JWKS before "
                f"refuse its tokens until they fetch it again, {in_words(known_at - now)} at most."
            )
    if find_key(ring, SigningKeyState.NEXT) is None:
        out.warn("The ring has no next key: a process that can make one publishes it. Until then do not rotate.")
    if current is None:
        out.warn("No key signs now: the first process that issues and can make one does.")
    out.note("Whoever holds a token of the old key needs a new one.")


def show_imported(out: Output, record: SigningKeyRecord, policy: RingPolicy, path: Path, now: int) -> None:
    """The key is the next one; its file is now the weakest place."""
    if out.as_json:
        out.json(signing_key_shape(record))
        return
    out.done(f"Imported: {record.kid} ({record.algorithm.value}) is published, and follows the key that signs now.")
    out.note(
        f"Every cache has it {relative(record.published_at + policy.published_ahead_s, now)}: it signs with the next "
        "rotation that is due, or with `doorward keyring rotate` from then on."
    )
    out.warn(f"{path} still holds the private key in the clear. Delete it, and its copies.")


def signing_key_shape(key: SigningKeyRecord, ring: Ring = (), policy: RingPolicy | None = None) -> Mapping[str, Any]:
    """A signing key for programs. Any: JSON."""
    step, at = _next_step(key, ring, policy)
    return {
        "kid": key.kid,
        "issuer": key.issuer,
        "algorithm": key.algorithm.value,
        "state": key.state.value,
        "created_at": key.created_at,
        "published_at": key.published_at,
        "activated_at": key.activated_at,
        "superseded_at": key.superseded_at,
        "retired_at": key.retired_at,
        "compromised": key.compromised,
        "next_step": step,
        "next_step_at": at,
        "version": key.version,
    }


def _row(key: SigningKeyRecord, ring: Ring, policy: RingPolicy, now: int) -> tuple[Any, ...]:  # Any: cells
    step, at = _next_step(key, ring, policy)
    state = styled("compromised", "bold red") if key.compromised else styled(key.state.value, _STYLES[key.state])
    said = None if at is None else f"{step} {'now' if at <= now else brief(at, now)}"
    return (styled(key.kid, "cyan"), state, key.algorithm.value, brief(_since(key), now), said)


def _since(key: SigningKeyRecord) -> int:
    """When it came into the state it is in."""
    return key.retired_at or key.superseded_at or key.activated_at or key.published_at


def _next_step(key: SigningKeyRecord, ring: Ring, policy: RingPolicy | None) -> tuple[str | None, int | None]:
    current, following = find_key(ring, SigningKeyState.CURRENT), find_key(ring, SigningKeyState.NEXT)
    if key.state is SigningKeyState.PREVIOUS and key.superseded_at is not None:
        return "retires", key.superseded_at + RETIREMENT_S
    if policy is None or following is None:
        return None, None
    if key.state is SigningKeyState.CURRENT:
        return "rotates", rotate_at(current, following, policy)
    return ("signs", rotate_at(current, following, policy)) if key.state is SigningKeyState.NEXT else (None, None)

"""`doorward tokens inspect`: what a token says, and why a verifier would refuse it.

Works with nothing but the token; with keys, an issuer and an audience it says more, and with a store at hand it knows
that store's own keys and revocations. Nothing a token says is fetched or run.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Final, final

import msgspec

from doorward.cli.frame import Desk
from doorward.cli.problems import Failed
from doorward.cli.tokens_judge import Check, Known, judge_token, refused, say_drift
from doorward.cli.tokens_keys import read_keys
from doorward.cli.tokens_opaque import inspect_opaque
from doorward.cli.tokens_read import read_one_token
from doorward.cli.tokens_view import Told, show_token
from doorward.crypto.jose.base64url import decode_base64url
from doorward.crypto.jose.jws import parse_compact, parse_payload
from doorward.errors import Misconfigured, Rejected, Unavailable
from doorward.keys.fixed import FixedKeys
from doorward.methods.token_order import handles_of, parse_watermark
from doorward.values import FeedKind, Handle
from doorward.wire.credential import has_valid_checksum

if TYPE_CHECKING:
    from doorward.app.store import Store

__all__ = ["inspect_token"]

DEPTH_SHOWN_MAX: Final = 100
"""How deep what a token says may be nested to be shown; no verifier takes nearly as much."""


@final
class _Loose(msgspec.Struct, frozen=True):
    """What can be read of a token, strictly or not. Members are the presenter's own words."""

    header: Mapping[str, object] | None
    claims: Mapping[str, object] | None


async def inspect_token(
    desk: Desk, *, jwks: str | None, issuer: str | None, audiences: tuple[str, ...], at: int | None
) -> None:
    """Read one token and explain it.

    Raises:
        Failed: what came is no token at all.
        UsageProblem: the keys cannot be read, or nothing came.
    """
    presented = read_one_token(desk.out)
    now = desk.now if at is None else at
    text = presented.decode("ascii", "replace")
    if "." not in text:
        if not has_valid_checksum(text[:100]):
            raise Failed(
                "This is no token: a signed one has two dots in it, and an opaque one of Doorward has a checksum that "
                "fits. Look for a character lost at either end while copying."
            )
        await inspect_opaque(desk, text, audiences=frozenset(audiences), now=now)
        return
    loose = _read_loosely(presented)
    try:
        compact = parse_compact(presented)
        claims = parse_payload(compact)
    except Rejected as error:
        if loose.header is None and loose.claims is None:
            raise Failed(f"This is no signed token: {error.detail}.") from None
        checks = [Check("form", False, error.detail, error.code)]
        show_token(desk.out, Told("signed", loose.header, loose.claims, checks, "", now, None))
        return
    known = Known(issuer=issuer, audiences=frozenset(audiences), now=now)
    note = None
    if jwks is not None:
        keys = FixedKeys(await read_keys(jwks, desk.out))
        known = msgspec.structs.replace(known, keys=keys, whose_keys="a key of --jwks")
    else:
        known, note = await _ask_store(desk, known, claims, compact.header.kid)
    form = Check("form", True, f"three parts, {len(presented):,} octets")
    checks = [form, *judge_token(compact, claims, known)]
    drift = say_drift(claims, known) if refused(checks) is None or _is_of_time(checks) else ""
    show_token(desk.out, Told("signed", loose.header, claims, checks, drift, now, note))


def _is_of_time(checks: list[Check]) -> bool:
    first = refused(checks)
    return first is not None and first.what == "time"


async def _ask_store(
    desk: Desk, known: Known, claims: Mapping[str, object], kid: str | None
) -> tuple[Known, str | None]:
    """What the store at hand knows: its own keys and revocations; and a word on what it could not say."""
    try:
        async with desk.store() as store:
            return await _known_to(store, known, claims, kid)
    except (Misconfigured, Unavailable) as error:
        why = error.problem if isinstance(error, Misconfigured) else error.refusal.text
        return known, f"No store was asked: {why}"


async def _known_to(
    store: "Store", known: Known, claims: Mapping[str, object], kid: str | None
) -> tuple[Known, str | None]:
    if store.issuer is None:
        return known, "The store at hand issues no tokens: nobody has said which issuer it is."
    if claims.get("iss") != store.issuer:
        return known, f"The store at hand is of another issuer, {store.issuer}: it knows nothing of this token."
    await store.keyring.refresh(kid)
    own = msgspec.structs.replace(
        known,
        keys=store.keyring,
        whose_keys="a key of this store",
        issuer=store.issuer if known.issuer is None else known.issuer,
        own=True,
    )
    handles = _rests_on(claims, kid)
    watermark = claims.get("dw_wm")
    since = parse_watermark(watermark) if isinstance(watermark, str) else None
    if handles is None or since is None:
        return own, None
    # In several questions: one has places for what an order rests on. The key comes first: it is the graver matter.
    parts = [part for part in (handles[:1], handles[1:5], handles[5:]) if part]
    standings = [await store.standing.read_standing(part, since) for part in parts]
    found = next((standing.revoked for standing in standings if standing.revoked is not None), None)
    if found is None:
        return msgspec.structs.replace(own, revocation_checked=True), None
    record = await store.signing_keys.find_signing_key(found.id) if found.kind is FeedKind.SIGNING_KEY else None
    return msgspec.structs.replace(
        own,
        revocation_checked=True,
        revoked=found.kind.value.replace("_", " "),
        key_compromised=record is not None and record.compromised,
    ), None


def _rests_on(claims: Mapping[str, object], kid: str | None) -> tuple[Handle, ...] | None:
    """What a token of ours names; None when it is not written as ours are."""
    wanted = {name: claims.get(name) for name in ("jti", "client_id", "sub", "sid", "dw_grant", "org_id")}
    texts = {name: value for name, value in wanted.items() if isinstance(value, str)}
    if any(value is not None and name not in texts for name, value in wanted.items()):
        return None
    if not {"client_id", "sub"} <= texts.keys():
        return None
    handles = handles_of(
        token_id=texts.get("jti"),
        client_id=texts["client_id"],
        subject=texts["sub"],
        session_id=texts.get("sid"),
        grant_id=texts.get("dw_grant"),
        organization_id=texts.get("org_id"),
    )
    return handles if kid is None else (Handle(FeedKind.SIGNING_KEY, kid), *handles)


def _read_loosely(presented: bytes) -> _Loose:
    """Header and claims as far as anybody could read them, for people to see: nothing is decided by it."""
    segments = presented[:32_768].split(b".")
    header, claims = (_read_segment(segment) for segment in [*segments, b""][:2])
    return _Loose(header, claims)


def _read_segment(segment: bytes) -> Mapping[str, object] | None:
    try:
        decoded = decode_base64url(segment.rstrip(b"="))
        # The last of two members of one name, as a lax reader sees it.
        value = json.loads(decoded, parse_constant=str, parse_float=_number_or_text)
        if not isinstance(value, dict) or _is_deeper(value, DEPTH_SHOWN_MAX):
            return None
    except (Rejected, ValueError, RecursionError):
        return None
    return value


def _number_or_text(written: str) -> float | str:
    # `NaN` and `1e999` are no JSON: our own answer must be, and still show them.
    value = float(written)
    return value if isfinite(value) else written


def _is_deeper(value: object, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
        ]
    return any(isinstance(node, dict | list) for node in level)

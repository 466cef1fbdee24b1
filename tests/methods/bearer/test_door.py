"""Tokens at a door: keys that are fetched, move and leave; revocation; a view that is stale; no view at all."""

import time

import pytest
from tests.simulators.issuer import ISSUER, NOW, SimulatedIssuer
from tests.simulators.plane import SimulatedPlane
from tests.simulators.request import view_of

from doorward.crypto.jose.jwk import parse_jwk
from doorward.door import Admitted, Door, FailureBudget
from doorward.errors import Rejected, Unavailable
from doorward.methods.bearer import BearerTokens
from doorward.methods.bearer.config import FOREIGN_LIFETIME_S_MAX, TOKENS_KEPT
from doorward.methods.bearer.profiles import GENERIC
from doorward.values import FeedKind, Handle, Scopes


class _Asked:
    """Whom to ask when the view is stale."""

    def __init__(self, *, says: bool = True, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.says = says
        self.tokens: list[bytes] = []
        self.away = False

    async def confirm(self, token: bytes) -> bool:
        self.tokens.append(token)
        if self.away:
            raise Unavailable("introspection_unavailable")
        return self.says


class _Hall:
    """A door for tokens of one issuer of ours."""

    def __init__(self, *, asked: _Asked | None = None, plane: bool = True) -> None:
        self.now = float(NOW)
        self.monotonic = time.monotonic()
        self.plane = SimulatedPlane(lambda: self.now) if plane else None
        self.issuer = SimulatedIssuer()
        self.method = BearerTokens(self.issuer.policy(own=plane), plane=self.plane, when_stale=asked)
        self.door = Door(
            self.method,
            require=Scopes("orders:read"),
            clock=lambda: self.now,
            monotonic=lambda: self.monotonic,
            failure_budget=FailureBudget(1_000),
        )

    async def admit(self, token: bytes) -> Admitted:
        return await self.door.admit(view_of((b"authorization", b"Bearer " + token)))

    async def code(self, token: bytes) -> str:
        with pytest.raises((Rejected, Unavailable)) as caught:
            await self.admit(token)
        return caught.value.code


@pytest.fixture(params=["warm", "phases"])
def hall(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> _Hall:
    if request.param == "phases":
        monkeypatch.setattr("doorward.door.door.admit_warm", lambda *_: None)
    return _Hall()


@pytest.mark.parametrize("with_plane", [True, False])
async def test_a_token_is_admitted_cold_and_warm(with_plane: bool) -> None:  # noqa: FBT001  # pytest calls it
    hall = _Hall(plane=with_plane)
    token = hall.issuer.issue()
    first, second = await hall.admit(token), await hall.admit(token)
    assert first == second
    assert first.principal.id == "alice"
    assert await hall.code(hall.issuer.issue(scope="orders:write")) == "scope_insufficient"


async def test_without_a_view_a_token_still_expires_when_it_is_warm() -> None:
    hall = _Hall(plane=False)
    token = hall.issuer.issue()
    await hall.admit(token)
    hall.now = NOW + 600
    assert await hall.code(token) == "credential_expired"


async def test_a_warm_token_expires_at_its_second(hall: _Hall) -> None:
    token = hall.issuer.issue()
    await hall.admit(token)
    hall.now = NOW + 599
    await hall.admit(token)
    hall.now = NOW + 600
    assert await hall.code(token) == "credential_expired"


@pytest.mark.parametrize(
    "handle",
    [
        Handle(FeedKind.TOKEN, "tok1"),
        Handle(FeedKind.SESSION, "s1"),
        Handle(FeedKind.GRANT, "g7"),
        Handle(FeedKind.SUBJECT, "alice"),
        Handle(FeedKind.CLIENT, "shop"),
        Handle(FeedKind.CLIENT_SUBJECT, "shop alice"),
        Handle(FeedKind.ORGANIZATION, "acme"),
        Handle(FeedKind.SIGNING_KEY, "ES256-1"),
    ],
)
async def test_a_warm_token_is_taken_back_by_everything_it_rests_on(hall: _Hall, handle: Handle) -> None:
    assert hall.plane is not None
    token = hall.issuer.issue(sid="s1", dw_grant="g7", org_id="acme")
    await hall.admit(token)
    hall.plane.revoke(handle)
    assert await hall.code(token) == "credential_revoked"
    assert await hall.code(hall.issuer.issue(sid="s1", dw_grant="g7", org_id="acme", x=1)) == "credential_revoked"


async def test_a_token_of_after_an_epoch_opens(hall: _Hall) -> None:
    assert hall.plane is not None
    before = hall.issuer.issue()
    await hall.admit(before)
    hall.plane.revoke(Handle(FeedKind.SUBJECT, "alice"))
    await hall.admit(hall.issuer.issue(dw_wm="g1.1"))
    assert await hall.code(before) == "credential_revoked"


async def test_another_spelling_of_a_revoked_token_is_revoked(hall: _Hall) -> None:
    assert hall.plane is not None
    token = hall.issuer.issue()
    await hall.admit(token)
    hall.plane.revoke(Handle(FeedKind.TOKEN, "tok1"))
    # (r, n - s) verifies wherever (r, s) does; here the issuer simply signs the same claims once more.
    assert await hall.code(hall.issuer.issue()) == "credential_revoked"


async def test_an_unknown_key_is_fetched_once_and_then_used(hall: _Hall) -> None:
    keys, key = hall.issuer.keys, hall.issuer.key.verification
    keys.replace()
    token = hall.issuer.issue()
    assert await hall.code(token) == "token_key_unknown"
    keys.upstream = (key,)
    await hall.admit(token)
    await hall.admit(token)
    assert keys.fetches == 2


async def test_a_token_no_key_could_answer_to_fetches_nothing(hall: _Hall) -> None:
    payload = b"{}"
    for header in ({"alg": "none"}, {"alg": "HS256"}):
        assert await hall.code(hall.issuer.issue(header)) == "token_algorithm"
    assert await hall.code(hall.issuer.sign(payload)) == "token_issuer"
    assert await hall.code(hall.issuer.issue(iss="https://other.example")) == "token_issuer"
    assert hall.issuer.keys.fetches == 0


async def test_keys_that_cannot_be_fetched_are_no_fault_of_the_caller(hall: _Hall) -> None:
    hall.issuer.keys.replace()
    hall.issuer.keys.upstream = None
    assert await hall.code(hall.issuer.issue()) == "keys_unavailable"


async def test_a_key_that_has_left_verifies_nothing_more(hall: _Hall) -> None:
    token = hall.issuer.issue()
    await hall.admit(token)
    hall.issuer.keys.replace()
    assert await hall.code(token) == "token_key_unknown"


async def test_a_warm_token_whose_key_is_not_at_hand_has_it_fetched(hall: _Hall) -> None:
    keys, key = hall.issuer.keys, hall.issuer.key.verification
    token = hall.issuer.issue()
    await hall.admit(token)
    keys.replace()
    keys.upstream = None
    # No fault of the caller, warm or cold.
    assert await hall.code(token) == "keys_unavailable"
    keys.upstream = (key,)
    await hall.admit(token)
    fetches = keys.fetches
    await hall.admit(token)
    assert keys.fetches == fetches == 2


async def test_whoever_was_proven_before_the_key_left_pays_nothing(hall: _Hall) -> None:
    door = Door(hall.method, failure_budget=FailureBudget(2), monotonic=lambda: hall.monotonic)
    view = view_of((b"authorization", b"Bearer " + hall.issuer.issue()))
    await door.admit(view)
    hall.issuer.keys.replace()
    for _ in range(5):
        with pytest.raises(Rejected, match="token_key_unknown"):
            await door.admit(view)
    # Somebody else behind the same address has all the failures that are his.
    cold = view_of((b"authorization", b"Bearer " + hall.issuer.issue(x=1)))
    with pytest.raises(Rejected, match="token_key_unknown"):
        await door.admit(cold)


async def test_a_key_of_the_same_name_with_other_numbers_is_another(hall: _Hall) -> None:
    token = hall.issuer.issue()
    await hall.admit(token)
    other = SimulatedIssuer(number=2).key.verification
    renamed = parse_jwk({**other.public_jwk(), "kid": hall.issuer.key.kid})
    hall.issuer.keys.replace(renamed)
    assert await hall.code(token) == "token_signature"


async def test_a_moved_key_set_that_still_has_the_key_changes_nothing(hall: _Hall) -> None:
    token = hall.issuer.issue()
    first = await hall.admit(token)
    hall.issuer.keys.generation += 1
    assert (await hall.admit(token)).principal == first.principal


async def test_failures_of_proof_are_paid_for_and_expiry_is_not() -> None:
    hall = _Hall()
    door = Door(hall.method, failure_budget=FailureBudget(2), monotonic=lambda: hall.monotonic)
    view = view_of((b"authorization", b"Bearer " + hall.issuer.issue(exp=NOW - 1)))
    for _ in range(4):
        with pytest.raises(Rejected, match="credential_expired"):
            await door.admit(view)
    for number in range(3):
        forged = hall.issuer.issue(x=number)[:-8] + b"AAAAAAAA"
        with pytest.raises(Rejected) as caught:
            await door.admit(view_of((b"authorization", b"Bearer " + forged)))
        assert caught.value.code == ("token_signature" if number < 2 else "source_throttled")


async def test_no_table_grows_with_the_number_of_tokens(hall: _Hall) -> None:
    assert hall.plane is not None
    await hall.admit(hall.issuer.issue())
    assert hall.plane.usage.counted == []
    assert hall.plane.verifications.recorded[-1][1:3] == ("tok1", "alice")
    cache = hall.door._demand.lanes[0].cache
    assert cache.entries_max == TOKENS_KEPT
    # Nor with their length.
    await hall.admit(token := hall.issuer.issue(x="x" * 4_000))
    assert cache.octets == len(hall.issuer.issue()) + len(token)


async def test_keys_start_and_close_with_the_door() -> None:
    hall = _Hall()
    second = Door(hall.method)
    for door in (hall.door, second):
        await door.start()
    assert hall.issuer.keys.starts == 2
    await hall.door.aclose()
    assert hall.issuer.keys.closes == 1


def _grow_old(hall: _Hall) -> None:
    hall.monotonic += 61.0


async def test_a_stale_view_refuses_where_nobody_can_be_asked(hall: _Hall) -> None:
    token = hall.issuer.issue()
    await hall.admit(token)
    _grow_old(hall)
    assert await hall.code(token) == "revocation_stale"
    assert await hall.code(hall.issuer.issue(x=1)) == "revocation_stale"


async def test_a_stale_view_asks_the_issuer_each_time() -> None:
    asked = _Asked()
    hall = _Hall(asked=asked)
    token, cold = hall.issuer.issue(), hall.issuer.issue(x=1)
    await hall.admit(token)
    assert asked.tokens == []
    _grow_old(hall)
    for _ in range(2):
        await hall.admit(token)
        await hall.admit(cold)
    assert asked.tokens == [token, cold] * 2
    asked.says = False
    assert await hall.code(token) == "credential_revoked"
    asked.away = True
    assert await hall.code(cold) == "introspection_unavailable"


async def test_what_a_stale_view_knows_still_counts() -> None:
    asked = _Asked()
    hall = _Hall(asked=asked)
    assert hall.plane is not None
    token = hall.issuer.issue()
    await hall.admit(token)
    hall.plane.revoke(Handle(FeedKind.TOKEN, "tok1"))
    _grow_old(hall)
    assert await hall.code(token) == "credential_revoked"
    assert asked.tokens == []


async def test_what_was_confirmed_is_looked_up_once_the_view_is_fresh() -> None:
    hall = _Hall(asked=_Asked())
    assert hall.plane is not None
    token = hall.issuer.issue()
    await hall.door.start()
    _grow_old(hall)
    await hall.admit(token)
    hall.plane.revoke(Handle(FeedKind.TOKEN, "tok1"))
    hall.monotonic = time.monotonic()
    assert await hall.code(token) == "credential_revoked"


async def test_issuers_beside_each_other_are_told_apart() -> None:
    one, two = SimulatedIssuer("https://one.example"), SimulatedIssuer("https://two.example", number=2)
    plane = SimulatedPlane(lambda: float(NOW))
    door = Door(BearerTokens(one.policy(), two.policy(profile=GENERIC), plane=plane))

    async def admit(token: bytes) -> Admitted:
        return await door.admit(view_of((b"authorization", b"Bearer " + token)))

    assert (await admit(one.issue())).principal.issuer == "https://one.example"
    assert (await admit(two.issue({"typ": "JWT"}))).principal.issuer == "https://two.example"
    with pytest.raises(Rejected, match="token_type"):
        await admit(one.issue({"typ": "JWT"}))
    # The same id is somebody else's at each of them, and ours is a third.
    plane.revoke(Handle(FeedKind.SUBJECT, "alice"))
    await admit(one.issue())
    plane.revoke(Handle(FeedKind.SUBJECT, "https://one.example alice"))
    with pytest.raises(Rejected, match="credential_revoked"):
        await admit(one.issue())
    await admit(two.issue({"typ": "JWT"}))


async def test_a_token_beside_another_credential_is_a_conflict_or_a_stranger() -> None:
    hall = _Hall()
    token = hall.issuer.issue()
    stranger = view_of((b"authorization", b"Bearer neither-token-nor-key"))
    with pytest.raises(Rejected, match="credential_unrecognised"):
        await hall.door.admit(stranger)
    assert hall.method.challenges(None) == (b'Bearer realm="doorward"',)
    assert ISSUER in repr(hall.method)
    assert token.decode() not in repr(hall.method)


async def test_a_foreign_token_outlives_no_row_that_takes_it_back() -> None:
    issuer, plane = SimulatedIssuer("https://one.example"), SimulatedPlane(lambda: float(NOW))
    door = Door(BearerTokens(issuer.policy(profile=GENERIC), plane=plane), clock=lambda: float(NOW))
    for claims, code in (
        ({"exp": NOW + FOREIGN_LIFETIME_S_MAX}, None),
        ({"exp": NOW + FOREIGN_LIFETIME_S_MAX + 1}, "token_lifetime"),
        # Without the beginning nobody knows how long its life is.
        ({"iat": ...}, "token_lifetime"),
    ):
        view = view_of((b"authorization", b"Bearer " + issuer.issue(**claims)))
        if code is None:
            await door.admit(view)
            continue
        with pytest.raises(Rejected, match=code):
            await door.admit(view)


async def test_an_issuer_whose_clock_runs_ahead_does_not_outrun_a_revocation() -> None:
    issuer, plane = SimulatedIssuer("https://one.example"), SimulatedPlane(lambda: float(NOW))
    door = Door(BearerTokens(issuer.policy(leeway_s=300, issued_ahead_s=300), plane=plane), clock=lambda: float(NOW))
    # Issued a moment ago, by a clock that is five minutes fast.
    before = view_of((b"authorization", b"Bearer " + issuer.issue(iat=NOW + 299)))
    await door.admit(before)
    plane.revoke(Handle(FeedKind.SUBJECT, "https://one.example alice"))
    with pytest.raises(Rejected, match="credential_revoked"):
        await door.admit(before)


async def test_a_live_token_is_shown_to_nobody_but_its_issuer() -> None:
    ours, other = SimulatedIssuer(), SimulatedIssuer("https://one.example", number=2)
    asked, plane = _Asked(), SimulatedPlane(lambda: float(NOW))
    method = BearerTokens(ours.policy(own=True), other.policy(), plane=plane, when_stale=asked)
    door = Door(method, clock=lambda: float(NOW), monotonic=lambda: time.monotonic() + 61)
    token = ours.issue()
    await door.admit(view_of((b"authorization", b"Bearer " + token)))
    with pytest.raises(Unavailable) as caught:
        await door.admit(view_of((b"authorization", b"Bearer " + other.issue())))
    assert caught.value.code == "revocation_stale"
    assert asked.tokens == [token]


async def test_what_one_request_does_to_its_claims_no_other_sees(hall: _Hall) -> None:
    token = hall.issuer.issue(roles=["reader"], plan={"seats": 1})
    claims = (await hall.admit(token)).principal.claims
    with pytest.raises(TypeError):
        claims["admin"] = True  # type: ignore[index]  # what somebody will write
    with pytest.raises(AttributeError):
        claims.update(admin=True)  # type: ignore[attr-defined]  # as above
    roles, plan = claims["roles"], claims["plan"]
    assert isinstance(roles, list)
    assert isinstance(plan, dict)
    roles.append("admin")
    plan["seats"] = 1_000
    again = (await hall.admit(token)).principal.claims
    assert again == hall.issuer.claims(roles=["reader"], plan={"seats": 1})
    assert ("roles" in again, "admin" in again, len(again)) == (True, False, len(claims))

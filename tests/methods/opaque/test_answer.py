"""What is believed of an issuer's answer, and that nothing else ever admits."""

import json
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.errors import Unavailable
from doorward.methods.opaque.answer import CLOCKS_APART_S, Introspected, parse_answer
from doorward.methods.opaque.config import ANSWER_BYTES_MAX
from doorward.values import FeedKind, Handle, IssuedAbroad, PrincipalKind, Scopes

NOW: Final = 1_800_000_000
ISSUER: Final = "https://id.example"
API: Final = "https://api.example"
GOOD: Final[dict[str, Any]] = {
    "active": True,
    "iss": ISSUER,
    "sub": "alice",
    "aud": API,
    "exp": NOW + 60,
    "client_id": "web",
    "scope": "a b",
    "iat": NOW - 1,
    "jti": "j1",
    "sid": "s1",
    "org_id": "acme",
    "token_type": "Bearer",
}


def _read(answer: bytes, now: int = NOW) -> Introspected | None:
    return parse_answer(answer, token_id="digest", issuer=ISSUER, audiences=frozenset({API}), now=now)


def _said(claims: object, now: int = NOW) -> Introspected | None:
    return _read(msgspec.json.encode(claims), now)


def test_an_active_token_is_somebodys() -> None:
    said = _said(GOOD)
    assert said is not None
    assert (said.barred, said.not_after) == (None, NOW + 60)
    assert said.verified is not None
    principal = said.verified.principal
    assert (principal.kind, principal.id, principal.client_id) == (PrincipalKind.PERSON, "alice", "web")
    assert (principal.method, principal.credential_id, principal.issuer) == ("introspection", "j1", ISSUER)
    assert (principal.scopes, principal.session_id, principal.organization_id) == (Scopes("a", "b"), "s1", "acme")
    assert principal.claims == {name: value for name, value in GOOD.items() if name != "active"}
    assert said.verified.since == IssuedAbroad(NOW - 1)
    # What another issuer calls alice is not our alice.
    assert Handle(FeedKind.SUBJECT, f"{ISSUER} alice") in said.verified.handles


def test_a_client_without_a_subject_is_an_app() -> None:
    for claims in ({**GOOD, "sub": "web"}, {name: value for name, value in GOOD.items() if name != "sub"}):
        said = _said(claims)
        assert said is not None
        assert said.verified is not None
        assert (said.verified.principal.kind, said.verified.principal.id) == (PrincipalKind.APP, "web")


def test_a_token_without_an_id_is_known_by_its_digest() -> None:
    said = _said({name: value for name, value in GOOD.items() if name != "jti"})
    assert said is not None
    assert said.verified is not None
    assert said.verified.principal.credential_id == "digest"


def test_not_active_is_an_answer() -> None:
    assert _said({"active": False}) is None
    assert _said({**GOOD, "active": False}) is None


@pytest.mark.parametrize("active", [1, "true", "True", None, [True], {"active": True}, 1.0, 0, ""])
def test_active_must_be_literally_true(active: object) -> None:
    with pytest.raises(Unavailable, match="introspection_unavailable"):
        _said({**GOOD, "active": active})


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"true",
        b"[]",
        b'"active"',
        b"{}",
        b'{"active": true',
        b'{"active": false, "active": true}',
        b'{"active": true, "sub": "a", "sub": "b"}',
        b'\xef\xbb\xbf{"active": true}',
        b'{"active": true, "sub": "\xff"}',
        b'{"active": true, "exp": NaN}',
        b'{"active": true} x',
        b"[" * 100_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b" " * ANSWER_BYTES_MAX + b'{"active": true}',
    ],
    ids=range(15),
)
def test_what_is_no_answer_admits_nobody(answer: bytes) -> None:
    with pytest.raises(Unavailable, match="introspection_unavailable"):
        _read(answer)


BARRED: Final[list[tuple[str, dict[str, Any]]]] = [
    ("token_issuer", {"iss": "https://id.example/"}),
    ("token_issuer", {"iss": "https://evil.example"}),
    ("token_issuer", {"iss": None}),
    ("token_issuer", {"iss": [ISSUER]}),
    ("token_audience", {"aud": "https://api.example.evil"}),
    ("token_audience", {"aud": ["https://other.example"]}),
    ("token_audience", {"aud": []}),
    ("token_claims", {"aud": [API, 1]}),
    ("token_claims", {"aud": {"x": API}}),
    ("token_claims", {"aud": None}),
    ("token_type", {"token_type": "DPoP"}),
    ("token_type", {"token_type": None}),
    ("token_type", {"cnf": {"jkt": "x"}}),
    ("token_type", {"cnf": None}),
    ("token_claims", {"exp": None}),
    ("token_claims", {"exp": "1900000000"}),
    ("token_claims", {"exp": True}),
    ("token_claims", {"exp": -1}),
    ("token_claims", {"exp": 10**15}),
    ("credential_expired", {"exp": NOW}),
    ("credential_expired", {"exp": NOW - 0.5}),
    ("token_not_yet_valid", {"nbf": NOW + CLOCKS_APART_S + 1}),
    ("token_claims", {"sub": 1}),
    ("token_claims", {"sub": ""}),
    ("token_claims", {"sub": "a\nb"}),
    ("token_claims", {"sub": "x" * 513}),
    ("token_claims", {"client_id": ["web"]}),
    ("token_claims", {"scope": ["a"]}),
    ("token_claims", {"scope": "a  b"}),
    ("token_claims", {"scope": " ".join(map(str, range(65)))}),
    ("token_claims", {"org_id": "a b"}),
    ("token_claims", {"iat": "now"}),
]


@pytest.mark.parametrize(("code", "changed"), BARRED, ids=[f"{n}-{next(iter(c))}" for n, (_, c) in enumerate(BARRED)])
def test_an_active_token_may_still_not_be_for_this_door(code: str, changed: dict[str, Any]) -> None:
    said = _said({**GOOD, **changed})
    assert said is not None
    assert (said.barred, said.verified) == (code, None)


@pytest.mark.parametrize("name", ["iss", "aud", "exp"])
def test_what_must_be_there_is_there(name: str) -> None:
    said = _said({member: value for member, value in GOOD.items() if member != name})
    assert said is not None
    assert said.barred is not None


_JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(GOOD)), _JSON)
def test_a_hostile_server_never_gets_in_with_a_member_of_another_kind(name: str, value: object) -> None:
    answer = json.dumps({**GOOD, name: value}).encode()
    try:
        said = _read(answer)
    except Unavailable:
        return
    if said is None or said.barred is not None:
        return
    assert said.verified is not None
    principal = said.verified.principal
    assert principal.issuer == ISSUER
    assert principal.not_after is not None
    assert principal.not_after > NOW
    assert all(text.isprintable() for text in (principal.id, principal.name, principal.credential_id))


@given(st.binary(max_size=300))
def test_garbage_is_no_answer(answer: bytes) -> None:
    try:
        said = _read(answer)
    except Unavailable:
        return
    assert said is None or said.barred is not None

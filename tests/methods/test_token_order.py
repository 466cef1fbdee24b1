"""What a token of ours may be asked to say."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from doorward.errors import Rejected
from doorward.methods.further_claims import FURTHER_CLAIMS_BYTES_MAX, FURTHER_CLAIMS_DEPTH_MAX, RESERVED_CLAIMS
from doorward.methods.token_order import (
    TokenOrder,
    build_claims,
    handles_of,
    parse_order,
    parse_watermark,
    write_watermark,
)
from doorward.values import FeedKind, Handle, Scopes, Watermark

NOW = 1_800_000_000
ORDER = TokenOrder(client_id="web", subject="alice", audience=("https://api.example",))
WHOLE = TokenOrder(
    client_id="web",
    subject="alice",
    audience=("https://a.example", "https://b.example"),
    scopes=Scopes("b", "a"),
    lifetime_s=60,
    session_id="s1",
    grant_id="g1",
    organization_id="acme",
    auth_time=NOW - 5,
    acr="urn:high",
    amr=("pwd", "otp"),
    claims={"plan": {"seats": 3}},
)


def _nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


def _claims(order: TokenOrder, subject: str = "alice") -> dict[str, object]:
    watermark = Watermark("g-1", 7)
    return build_claims(order, issuer="https://id.example", subject=subject, token_id="j", watermark=watermark, now=NOW)


def test_the_claims_are_those_of_rfc_9068_and_ours() -> None:
    assert _claims(WHOLE) == {
        "plan": {"seats": 3},
        "iss": "https://id.example",
        "sub": "alice",
        "aud": ["https://a.example", "https://b.example"],
        "client_id": "web",
        "scope": "a b",
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "j",
        "sid": "s1",
        "org_id": "acme",
        "auth_time": NOW - 5,
        "acr": "urn:high",
        "amr": ["pwd", "otp"],
        "dw_grant": "g1",
        "dw_wm": "g-1.7",
    }


def test_what_was_not_asked_for_is_not_there() -> None:
    claims = _claims(ORDER)
    assert set(claims) == {"iss", "sub", "aud", "client_id", "iat", "exp", "jti", "dw_wm"}
    assert claims["aud"] == "https://api.example"


def test_a_claim_of_the_callers_replaces_none_of_ours() -> None:
    assert _claims(replace(ORDER, claims={"sub": "root", "dw_wm": "g.99"})) == _claims(ORDER)


BAD: list[dict[str, Any]] = [
    {"client_id": ""},
    {"client_id": "two words"},
    {"client_id": "x" * 256},
    {"client_id": "wéb"},
    {"audience": ()},
    {"audience": "api"},
    {"audience": ("",)},
    {"audience": ("https://a.example https://b.example",)},
    {"audience": ("a", "a")},
    {"audience": tuple("abcdefghi")},
    {"subject": ""},
    {"subject": " alice"},
    {"subject": "al\nice"},
    {"subject": "al\u202eice"},
    {"subject": "x" * 256},
    {"lifetime_s": 0},
    {"lifetime_s": -1},
    {"lifetime_s": 86_401},
    {"session_id": ""},
    {"session_id": "a b"},
    {"grant_id": "a b"},
    {"organization_id": "a b"},
    {"organization_id": ""},
    {"auth_time": NOW + 1},
    {"auth_time": -1},
    {"acr": "a b"},
    {"amr": ("a b",)},
    {"amr": tuple(map(str, range(17)))},
    {"claims": {"x y": 1}},
    {"claims": {"": 1}},
    {"claims": {"x" * 129: 1}},
    {"claims": {str(number): 1 for number in range(33)}},
    {"claims": {"x": "y" * FURTHER_CLAIMS_BYTES_MAX}},
    {"claims": {"x": float("nan")}},
    {"claims": {"x": float("inf")}},
    {"claims": {"x": 2**53}},
    {"claims": {"x": (1, 2)}},
    {"claims": {"x": {1: 2}}},
    {"claims": {"x": b"y"}},
    {"claims": {"x": "\ud800"}},
    {"claims": {"x": _nested(FURTHER_CLAIMS_DEPTH_MAX + 1)}},
    {"claims": {"x": _nested(900)}},
    {"subject": None, "pairwise_sector": "https://api.example"},
]


@pytest.mark.parametrize("changed", BAD, ids=[f"{place}-{next(iter(bad))}" for place, bad in enumerate(BAD)])
def test_what_is_over_a_limit_or_of_another_form_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        parse_order(replace(ORDER, **changed), now=NOW)
    assert caught.value.code == "input_invalid"


def test_what_is_at_its_limit_passes() -> None:
    at_limits: dict[str, Any] = {
        "client_id": "x" * 255,
        "subject": "y" * 255,
        "audience": tuple("abcdefgh"),
        "lifetime_s": 86_400,
        "auth_time": NOW,
        "amr": tuple(map(str, range(16))),
        "claims": {f"{number:0>128}": _nested(FURTHER_CLAIMS_DEPTH_MAX) for number in range(3)} | {"max": 2**53 - 1},
    }
    order = replace(ORDER, **at_limits)
    assert parse_order(order, now=NOW) is order
    assert parse_order(WHOLE, now=NOW) is WHOLE


@pytest.mark.parametrize("name", [*sorted(RESERVED_CLAIMS), "dw_wm", "dw_anything"])
def test_a_name_that_means_something_is_not_the_callers(name: str) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        parse_order(replace(ORDER, claims={name: "x"}), now=NOW)


def test_a_person_named_like_the_client_is_not_taken_for_it() -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        parse_order(replace(ORDER, subject="web"), now=NOW)
    assert _claims(replace(ORDER, subject=None), subject="web")["sub"] == "web"


def test_a_token_rests_on_everything_it_names() -> None:
    handles = handles_of(
        token_id="j", client_id="web", subject="al ice", session_id="s", grant_id="g", organization_id="acme"
    )
    assert handles == (
        Handle(FeedKind.TOKEN, "j"),
        Handle(FeedKind.CLIENT, "web"),
        Handle(FeedKind.SUBJECT, "al ice"),
        Handle(FeedKind.CLIENT_SUBJECT, "web al ice"),
        Handle(FeedKind.SESSION, "s"),
        Handle(FeedKind.GRANT, "g"),
        Handle(FeedKind.ORGANIZATION, "acme"),
    )


@given(st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True), st.integers(0, 2**62))
def test_a_watermark_is_read_as_it_was_written(generation: str, position: int) -> None:
    watermark = Watermark(generation, position)
    assert parse_watermark(write_watermark(watermark)) == watermark


@pytest.mark.parametrize(
    "text", ["", ".", "g", "g.", ".1", "g.01", "g.-1", "g.1.1", "g.1 ", "g.\u0661", "g." + "9" * 20]
)
def test_no_other_text_is_a_watermark(text: str) -> None:
    assert parse_watermark(text) is None


@pytest.mark.parametrize("subject", ["https://idp.example alice", "web alice", " alice", "alice "])
def test_no_subject_is_named_like_one_of_another_issuer(subject: str) -> None:
    with pytest.raises(Rejected, match="input_invalid"):
        parse_order(replace(ORDER, subject=subject), now=NOW)

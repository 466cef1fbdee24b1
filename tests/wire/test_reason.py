"""A reason is kept for ever: no secret gets into it, whoever pastes what."""

import pytest

from doorward.errors import Rejected
from doorward.values.bounds import REASON_CHARACTERS_MAX
from doorward.wire.reason import is_secret, parse_reason

# A real header of a JWT, nothing more.
JWT = "eyJhbGciOiJFUzI1NiJ9.e30.c2ln"
KEY = "dw_live_" + "a" * 50


@pytest.mark.parametrize("secret", [JWT, KEY, f"it leaked: {JWT} in a log", f"({KEY})", "dw_pass_" + "a" * 50])
def test_a_secret_is_refused_and_not_repeated(secret: str) -> None:
    assert is_secret(secret)
    with pytest.raises(Rejected) as refused:
        parse_reason(secret)
    assert refused.value.code == "input_invalid"
    assert JWT not in refused.value.detail
    assert KEY not in refused.value.detail


@pytest.mark.parametrize("reason", ["phone stolen", "dw_live_aaaaaaaaaaaa leaked", "a.b.c", "see T-1 (a.k.a. eye.x.y)"])
def test_what_people_write_is_taken(reason: str) -> None:
    assert parse_reason(reason) == reason


def test_a_reason_is_bounded() -> None:
    assert parse_reason("é" * REASON_CHARACTERS_MAX)
    for text in ("", " ", "é" * (REASON_CHARACTERS_MAX + 1), "a\x00", "a\n", "a\u2028b", " a", "a\ud800"):
        with pytest.raises(Rejected):
            parse_reason(text)

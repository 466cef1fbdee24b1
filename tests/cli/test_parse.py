"""Arguments into values: strict, and never a secret."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.cli.parse import (
    parse_credential_id,
    parse_database,
    parse_duration_s,
    parse_expiry_s,
    parse_metadata,
    parse_overlap_s,
    parse_past,
    parse_rate,
)
from doorward.cli.problems import UsageProblem
from doorward.values import RateLimit

NOW = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90s", 90), ("15m", 900), ("24h", 86_400), ("90d", 7_776_000)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0s",
        "0",
        "90",
        "d",
        "-1d",
        "+1d",
        "1.5h",
        "1h30m",
        " 1h",
        "1h ",
        "1H",
        "1w",
        "٩d",
        "1e3s",
        "99999999s",
        "1d\n",
    ],
)
def test_a_duration_has_one_spelling(text: str) -> None:
    with pytest.raises(UsageProblem):
        parse_duration_s(text)


def test_an_overlap_may_be_nothing() -> None:
    assert parse_overlap_s("0") == 0
    assert parse_overlap_s("24h") == 86_400


def test_an_expiry_is_a_duration_a_last_day_or_never() -> None:
    assert parse_expiry_s("90d", NOW) == 90 * 86_400
    assert parse_expiry_s("2026-11-23", NOW) == 12 * 3_600, "valid to the end of that day"
    assert parse_expiry_s("never", NOW) == "never"


@pytest.mark.parametrize("text", ["2026-11-22", "2026-02-30", "9999-12-31", "0000-01-01", "Never", "2026-1-1", "0", ""])
def test_an_expiry_that_is_over_or_none_is_not_taken(text: str) -> None:
    with pytest.raises(UsageProblem):
        parse_expiry_s(text, NOW)


def test_a_time_in_the_past() -> None:
    assert parse_past("24h", NOW) == NOW - 86_400
    assert parse_past("2026-11-23", NOW) == NOW - 12 * 3_600
    with pytest.raises(UsageProblem, match="how long ago"):
        parse_past("yesterday", NOW)


def test_a_rate_limit() -> None:
    assert parse_rate("100/60s") == RateLimit(100, 60)
    for wrong in ("100", "100/", "/60s", "0/60s", "100/60", "100 / 60s", "-1/60s"):
        with pytest.raises(UsageProblem):
            parse_rate(wrong)


def test_metadata_pairs() -> None:
    assert parse_metadata(["team=checkout", "note=a=b"]) == {"team": "checkout", "note": "a=b"}
    for wrong in (["team"], ["=x"], ["a=1", "a=2"]):
        with pytest.raises(UsageProblem):
            parse_metadata(wrong)


def test_an_id_alone_or_as_it_is_listed() -> None:
    assert parse_credential_id("a1B2c3D4e5F6") == "a1B2c3D4e5F6"
    assert parse_credential_id("dw_live_a1B2c3D4e5F6") == "a1B2c3D4e5F6"
    for wrong in ("", "short", "a1B2c3D4e5F6x", "DW_live_a1B2c3D4e5F6", "a1B2c3D4e5F6\n"):
        with pytest.raises(UsageProblem):
            parse_credential_id(wrong)


def test_a_whole_key_as_an_argument_is_refused_without_being_repeated() -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_credential_id("dw_live_" + "a" * 12 + "B" * 32 + "c" * 6)
    assert "BBB" not in str(caught.value)
    assert "a" * 12 in str(caught.value)
    assert "rotate" in str(caught.value)
    with pytest.raises(UsageProblem) as of_a_token:
        parse_credential_id("dw_token_" + "a" * 12 + "B" * 32 + "c" * 6)
    assert "rotate" not in str(of_a_token.value)
    assert "doorward tokens revoke" in str(of_a_token.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:secret@host/db",
        "postgresql://u@host/db?password=secret",
        "postgresql://:@host/db",
        "http://[::1",
    ],
)
def test_a_database_password_is_not_taken_from_the_command_line(url: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        parse_database(url)
    assert "secret" not in str(caught.value)


def test_a_database_without_a_password_is_taken() -> None:
    for url in ("sqlite:///doorward.db", "postgresql://u@host/db", "postgresql:///db?host=/run/postgresql"):
        assert parse_database(url) == url


@given(st.text(max_size=40))
def test_whatever_is_written_is_understood_or_a_usage_problem(text: str) -> None:
    for parse in (parse_duration_s, parse_overlap_s, parse_rate, parse_credential_id, parse_database):
        with suppress(UsageProblem):
            parse(text)

"""The text form of secrets: fixed, checkable offline, and never shown by accident."""

import random
import re
import secrets
import time
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.issuer import SimulatedIssuer

from doorward.crypto.jose.algorithms import Algorithm
from doorward.wire.credential import (
    CREDENTIAL_PATTERN,
    checksum_of,
    has_valid_checksum,
    hide_credentials,
    mint_credential_text,
    random_base62,
)

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _mint(label: str = "live") -> str:
    return mint_credential_text(prefix="dw", label=label, entropy=secrets.token_bytes).text


@pytest.mark.parametrize(
    ("text", "checksum"),
    [
        # The published example of the form this is taken from: CRC-32, base62, left-padded.
        ("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ", "0mLq17"),
        ("", "000000"),
        ("dw_live_000000000000" + "0" * 32, "04gngY"),
    ],
)
def test_checksum_vectors(text: str, checksum: str) -> None:
    assert checksum_of(text) == checksum


def test_a_minted_secret_has_the_form_and_its_checksum_fits() -> None:
    minted = mint_credential_text(prefix="acme", label="test", entropy=secrets.token_bytes)
    assert re.fullmatch(CREDENTIAL_PATTERN, minted.text)
    assert re.fullmatch(r"\w+", minted.text), "a double click would not select it whole"
    assert minted.text.startswith("acme_test_" + minted.id)
    assert len(minted.text) == len("acme_test_") + 50
    assert has_valid_checksum(minted.text)


def test_the_checksum_covers_everything_before_it() -> None:
    text = _mint()
    for place in range(len(text)):
        for replacement in {"a", "B", "7"} - {text[place]}:
            assert not has_valid_checksum(text[:place] + replacement + text[place + 1 :])
    assert any(not has_valid_checksum(text.replace("live", label)) for label in ("test", "pass"))


@pytest.mark.parametrize("change", [" {}", "{} ", "{}\n", "\x00{}", "x{}", "{}0"])
def test_the_form_is_exact(change: str) -> None:
    assert not has_valid_checksum(change.format(_mint()))


def test_unicode_digits_are_no_digits() -> None:
    text = _mint()
    assert not has_valid_checksum(text[:-1] + "\uff11")
    assert not has_valid_checksum(text.replace("_", "\uff3f", 1))


def test_a_minted_secret_is_not_in_its_repr() -> None:
    minted = mint_credential_text(prefix="dw", label="live", entropy=secrets.token_bytes)
    assert minted.text not in repr(minted)
    assert minted.text[-38:] not in f"{minted!r} {minted}"


def test_every_character_is_equally_likely() -> None:
    # 256 is no multiple of 62: were the last eight bytes kept, eight characters would be likelier.
    every_byte = bytes(range(256))
    draws = iter([every_byte[248:] * 31, every_byte])
    drawn = random_base62(248, lambda _: next(draws))
    assert {drawn.count(character) for character in ALPHABET} == {4}


def test_minting_does_not_repeat() -> None:
    texts = sorted(_mint() for _ in range(1_000))
    assert all(left != right for left, right in pairwise(texts))


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_any_entropy_gives_the_form(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311  # reproducible, and no secret
    assert has_valid_checksum(mint_credential_text(prefix="dw", label="pass", entropy=source.randbytes).text)


@given(st.text(max_size=90))
def test_any_text_is_judged_without_failing(text: str) -> None:
    assert has_valid_checksum(text) in {True, False}


@pytest.mark.parametrize("algorithm", [Algorithm.HS256, Algorithm.ES256, Algorithm.EDDSA, Algorithm.RS256])
@pytest.mark.parametrize("around", [b"/%b/orders", b"%b", b"/v1.%b?", b"x=%b&y", b"Bearer_%b", b"a.%b", b"%b.%b"])
def test_a_signed_token_is_hidden_wherever_it_stands(algorithm: Algorithm, around: bytes) -> None:
    token = SimulatedIssuer(algorithm=algorithm).issue()
    text = around.replace(b"%b", token)
    for shown in (hide_credentials(text), hide_credentials(quote(text, safe="").replace(".", "%2E").encode())):
        assert b"[credential]" in shown
        for segment in token.split(b"."):
            assert segment not in shown


@pytest.mark.parametrize(
    "text", [b"/v1/orders.json", b"/static/app.4f2a9c.min.js", b"/a-very-long-name-of-a-file.tar.gz", b"/1.2.3"]
)
def test_names_with_dots_are_no_tokens(text: bytes) -> None:
    assert hide_credentials(text) == text


@pytest.mark.parametrize("part", [b"ey", b".", b"a" * 12 + b".", b"a" * 12 + b"." + b"b" * 40 + b".", b"-", b"%2e"])
def test_no_text_makes_hiding_slow(part: bytes) -> None:
    began = time.process_time()
    hide_credentials(part * (500_000 // len(part)))
    assert time.process_time() - began < 5

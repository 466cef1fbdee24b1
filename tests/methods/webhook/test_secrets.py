"""Secrets as they are configured: what is wrong is said there, and never shows the secret."""

import base64
from typing import Any

import pytest
from tests.simulators.webhook import NOW, SCHEME_NAMES, secret_text

from doorward.crypto.ed25519 import Ed25519Signer
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import SCHEMES, WebhookSecret, parse_secret, sign_delivery
from doorward.methods.webhook.config import SECRET_BYTES_MAX

STANDARD = SCHEMES["standard"]
OCTETS = bytes((100 + place * 37) % 256 for place in range(32))
ENCODED = base64.b64encode(OCTETS).decode()


def _parse(name: str, text: str, **more: Any) -> WebhookSecret:  # Any: what each test says
    return parse_secret(SCHEMES[name], text, secret_id="id", **more)


@pytest.mark.parametrize("text", [f"whsec_{ENCODED}", ENCODED, ENCODED.rstrip("="), f"whsec_{ENCODED.rstrip('=')}"])
def test_a_standard_secret_is_base64_with_its_prefix_or_without(text: str) -> None:
    assert _parse("standard", text).key == _parse("svix", text).key == OCTETS


def test_stripes_secret_is_the_whole_text() -> None:
    assert _parse("stripe", f"whsec_{ENCODED}").key == f"whsec_{ENCODED}".encode()


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_what_cannot_be_a_secret_is_refused_and_not_repeated(name: str) -> None:
    good = secret_text(SCHEMES[name])
    for text in ("", " ", good + " ", "\t" + good, good + "\n", good[:8] + "\x00" + good[9:], "x" * 3_000, good[:12]):
        with pytest.raises(Misconfigured) as caught:
            _parse(name, text)
        assert good[8:] not in str(caught.value)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("text", ["whsec_", "whsec_====", "whsec_!!!!", "whsec_AAAA", "whsec_a", "ä" * 40])
def test_a_standard_secret_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        _parse("standard", text)


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_an_empty_secret_is_never_taken(name: str) -> None:
    for text in ("", "whsec_" if name in {"standard", "svix"} else ""):
        with pytest.raises(Misconfigured):
            _parse(name, text, danger_short=True)


def test_a_secret_has_24_bytes_at_least() -> None:
    text = "9vQ2mXc7LpR4sYbN8kWtZ3hE"
    assert _parse("github", text).key == text.encode()
    with pytest.raises(Misconfigured, match="has 23 bytes"):
        _parse("github", text[1:])
    assert _parse("github", text[1:], danger_short=True).key == text[1:].encode()
    with pytest.raises(Misconfigured):
        _parse("github", "x" * (SECRET_BYTES_MAX + 1), danger_short=True)


@pytest.mark.parametrize("text", ["x" * 24, "secret" * 4, "abcdefghijklmnopqrstuvwxyz", "generate_strong_secret_here"])
def test_a_secret_everybody_tries_first_is_refused_and_not_repeated(text: str) -> None:
    for scheme, said in (("github", text), ("standard", base64.b64encode(text.encode()).decode())):
        with pytest.raises(Misconfigured, match="guessed first") as caught:
            _parse(scheme, said)
        assert text[4:20] not in str(caught.value)
        assert _parse(scheme, said, danger_short=True).key == text.encode()


@pytest.mark.parametrize("name", ["stripe", "slack", "shopify", "twilio"])
@pytest.mark.parametrize("text", ["foo", "changeme", "whsec_", "whsec_foo", "shpss_changeme", "undefined", "None"])
def test_what_no_sender_hands_out_is_not_taken_for_its_secret(name: str, text: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        _parse(name, text)
    assert text.removeprefix("whsec_").removeprefix("shpss_") or "is empty" in str(caught.value) or name != "stripe"
    assert len(text) < 8 or text not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("stripe", "whsec_" + "Vb3TzqY7kPnW1xRd8sLhJ0mC5gEaUo2F"),
        ("stripe", "whsec_" + OCTETS.hex()),
        ("slack", OCTETS.hex()[:32]),
        ("shopify", OCTETS.hex()[:32]),
        ("shopify", OCTETS.hex()),
        ("shopify", "shpss_" + OCTETS.hex()[:32]),
        ("twilio", OCTETS.hex()[:32]),
    ],
)
def test_what_senders_hand_out_is_taken(name: str, text: str) -> None:
    assert _parse(name, text).key == text.encode()


def test_what_stands_before_every_secret_of_a_sender_is_not_a_part_to_guess() -> None:
    for name, prefix in (("stripe", "whsec_"), ("shopify", "shpss_")):
        with pytest.raises(Misconfigured, match=f"has 23 bytes after {prefix}"):
            _parse(name, prefix + OCTETS.hex()[:23])
        with pytest.raises(Misconfigured, match="guessed first"):
            _parse(name, prefix + "password" * 4)
        with pytest.raises(Misconfigured, match="is empty"):
            _parse(name, prefix, danger_short=True)
        assert _parse(name, prefix + "an example", danger_short=True).key is not None
    with pytest.raises(Misconfigured, match="does not begin with whsec_"):
        _parse("stripe", OCTETS.hex())


def test_an_api_key_is_no_signing_secret() -> None:
    with pytest.raises(Misconfigured, match="API key"):
        _parse("stripe", "sk_live_" + "a" * 40)


def test_a_secret_is_not_shown() -> None:
    for text in (f"whsec_{ENCODED}", f"whsk_{ENCODED}"):
        secret = _parse("standard", text)
        assert repr(secret) == "WebhookSecret('id')"
        assert ENCODED not in repr(secret) + str(secret)
        assert not hasattr(secret, "__dict__")


@pytest.mark.parametrize("secret_id", ["", "a" * 201, "a\nb", "\x1b[2J"])
def test_the_id_of_a_secret_can_be_told(secret_id: str) -> None:
    with pytest.raises(Misconfigured):
        parse_secret(STANDARD, ENCODED, secret_id=secret_id)


def test_a_private_key_has_two_forms_and_its_halves_belong_together() -> None:
    public = Ed25519Signer(OCTETS).public_key
    for raw in (OCTETS, OCTETS + public):
        assert _parse("standard", "whsk_" + base64.b64encode(raw).decode()).signer is not None
    for raw in (OCTETS + OCTETS, OCTETS[:31], OCTETS + public[:31], b""):
        with pytest.raises(Misconfigured):
            _parse("standard", "whsk_" + base64.b64encode(raw).decode())


@pytest.mark.parametrize(
    "raw",
    [
        bytes(32),
        bytes(31) + b"\x80",
        b"\x01" + bytes(31),
        b"\xec" + b"\xff" * 30 + b"\x7f",
        b"\xee" + b"\xff" * 30 + b"\x7f",
        b"\xff" * 32,
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
        bytes(31),
        bytes(33),
    ],
)
def test_a_public_key_under_which_anything_verifies_is_refused(raw: bytes) -> None:
    with pytest.raises(Misconfigured):
        _parse("standard", "whpk_" + base64.b64encode(raw).decode())


def test_a_public_key_belongs_to_schemes_that_have_one() -> None:
    text = "whpk_" + base64.b64encode(Ed25519Signer(OCTETS).public_key).decode()
    assert _parse("standard", text).verifier is not None
    assert _parse("github", text).verifier is None


def test_a_public_key_cannot_sign() -> None:
    public = _parse("standard", "whpk_" + base64.b64encode(Ed25519Signer(OCTETS).public_key).decode())
    with pytest.raises(Misconfigured):
        sign_delivery(STANDARD, [public], b"", now=NOW, delivery_id="m")


def test_signing_says_what_it_lacks() -> None:
    secret = _parse("standard", ENCODED)
    with pytest.raises(Misconfigured):
        sign_delivery(STANDARD, [secret], b"", now=NOW)
    with pytest.raises(Misconfigured):
        sign_delivery(STANDARD, [], b"", now=NOW, delivery_id="m")
    with pytest.raises(Misconfigured):
        sign_delivery(STANDARD, [secret] * 16, b"", now=NOW, delivery_id="m")
    github = _parse("github", ENCODED)
    with pytest.raises(Misconfigured):
        sign_delivery(SCHEMES["github"], [github, github], b"", now=NOW)
    for id_ in ("a.b", "", "ä"):
        with pytest.raises(Rejected):
            sign_delivery(STANDARD, [secret], b"", now=NOW, delivery_id=id_)

import json
from typing import Any

import pytest
from tests.crypto.jose.samples import jwk_of

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jwk import UnusableKey, parse_jwk_set


def key_set(*members: object, **options: Any) -> Any:
    return parse_jwk_set(json.dumps({"keys": members}).encode(), **options)


def test_a_kid_selects_among_the_keys_of_the_set() -> None:
    found = key_set(jwk_of(Algorithm.ES256, kid="a"), jwk_of(Algorithm.EDDSA, kid="b"))
    assert found.skipped == ()
    assert found.find("a", "ES256").algorithm is Algorithm.ES256
    assert found.find("b", "EdDSA") is found.find("b", "Ed25519")
    for kid, name in (("a", "EdDSA"), ("b", "ES256"), ("c", "ES256"), ("", "ES256"), ("a", "none"), ("A", "ES256")):
        assert found.find(kid, name) is None


def test_without_a_kid_only_the_one_key_of_that_algorithm_is_meant() -> None:
    found = key_set(
        jwk_of(Algorithm.ES256, kid="a"),
        jwk_of(Algorithm.RS256, kid="b"),
        jwk_of(Algorithm.RS384, kid="c", alg="RS256"),
    )
    assert found.find(None, "ES256").kid == "a"
    assert found.find(None, "RS256") is None
    assert found.find(None, "HS256") is None
    unnamed = key_set(jwk_of(Algorithm.ES256, kid=None))
    assert unnamed.find(None, "ES256").kid is None
    assert unnamed.find("a", "ES256") is None


def test_two_keys_of_one_name_are_told_apart_by_algorithm_or_not_used() -> None:
    found = key_set(jwk_of(Algorithm.ES256, kid="a"), jwk_of(Algorithm.RS256, kid="a"))
    assert [found.find("a", name).algorithm for name in ("ES256", "RS256")] == [Algorithm.ES256, Algorithm.RS256]
    both = (jwk_of(Algorithm.RS256, kid="a"), jwk_of(Algorithm.RS384, kid="a", alg="RS256"), jwk_of(Algorithm.ES256))
    for order in (both, both[::-1]):
        found = key_set(*order)
        assert found.find("a", "RS256") is None
        assert found.find(None, "RS256") is None
        assert len(found.skipped) == 2
        assert found.find(None, "ES256") is not None
    # One key named twice is still one key.
    assert key_set(both[0], both[0]).find("a", "RS256") is not None


def test_a_bad_key_is_left_out_and_the_rest_goes_on() -> None:
    found = key_set(
        {"kty": "oct", "k": "c2VjcmV0"}, 5, None, jwk_of(Algorithm.ES256, use="enc"), jwk_of(Algorithm.EDDSA)
    )
    assert len(found.keys) == 1
    assert [reason.partition(":")[0] for reason in found.skipped] == ["key 0", "key 1", "key 2", "key 3"]
    assert "c2VjcmV0" not in repr(found)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"keys":{}}', b'{"keys":null}', b'{"keys":[],"keys":[]}', b"\xff"]
)
def test_what_is_not_a_key_set_is_refused(text: bytes) -> None:
    with pytest.raises(UnusableKey):
        parse_jwk_set(text)


def test_a_key_set_is_bounded_in_keys_and_octets() -> None:
    members = [jwk_of(Algorithm.ES256, kid=f"k{number}") for number in range(4)]
    assert len(key_set(*members, keys_max=4).keys) == 4
    with pytest.raises(UnusableKey):
        key_set(*members, keys_max=3)
    text = json.dumps({"keys": members}).encode()
    assert parse_jwk_set(text, bytes_max=len(text)).keys
    with pytest.raises(UnusableKey):
        parse_jwk_set(text, bytes_max=len(text) - 1)


def test_a_repeated_member_of_a_key_is_refused() -> None:
    text = json.dumps({"keys": [jwk_of(Algorithm.ES256)]}).replace('"kty"', '"alg":"RS256","kty"', 1).encode()
    with pytest.raises(UnusableKey):
        parse_jwk_set(text)

import pytest
from tests.crypto.jose.samples import CLAIMS, PAYLOAD, headed, refused, sample_key, token_of, verify_token

from doorward.crypto.jose.algorithms import Algorithm
from doorward.crypto.jose.jws import (
    HEADER_CACHE_ENTRIES_MAX,
    HEADER_CACHE_SEGMENT_BYTES_MAX,
    TYP_CHARACTERS_MAX,
    _parse_known_header,
    parse_compact,
    sign_compact,
)
from doorward.crypto.jose.verification import KID_CHARACTERS_MAX

ES256 = sample_key(Algorithm.ES256)


@pytest.mark.parametrize("header", [{}, {"alg": ""}, {"alg": None}, {"alg": 1}, {"alg": True}, {"alg": ["ES256"]}])
def test_a_header_without_an_algorithm_name_is_refused(header: dict[str, object]) -> None:
    refused("token_header", parse_compact, token_of(header, ES256.sign))


@pytest.mark.parametrize(
    "crit", [["exp"], [], ["b64"], ["exp", "exp"], ["alg"], ["http://example/unknown"], None, "exp", {}, [1], True]
)
def test_whatever_is_declared_critical_is_refused(crit: object) -> None:
    """CVE-2025-59420, CVE-2026-32597, CVE-2026-35042: an extension that was critical and was not understood."""
    refused("token_header", parse_compact, headed(crit=crit))
    refused("token_header", parse_compact, headed(crit=crit, exp=1))


@pytest.mark.parametrize("b64", [False, True, None, "false"])
def test_an_unencoded_payload_is_refused(b64: object) -> None:
    refused("token_header", parse_compact, headed(b64=b64))
    refused("token_header", parse_compact, headed(b64=b64, crit=["b64"]))


@pytest.mark.parametrize("member", [{"zip": "DEF"}, {"zip": None}, {"enc": "A256GCM"}])
def test_compression_and_encryption_are_refused(member: dict[str, object]) -> None:
    refused("token_header", parse_compact, headed(**member))


def test_keys_a_token_brings_are_not_read() -> None:
    """CVE-2018-0114, CVE-2026-27962: a token signed by the key it carries. The stranger's key is never looked at."""
    stranger = sample_key(Algorithm.EDDSA)
    brought: dict[str, object] = {
        "jwk": stranger.verification.public_jwk(),
        "jku": "http://127.0.0.1:9/jwks.json",
        "x5u": "file:///etc/passwd",
        "x5c": ["MIIB"],
    }
    assert verify_token(headed(**brought), ES256.verification) == CLAIMS
    forged = token_of({"alg": "EdDSA", "kid": ES256.kid, **brought}, stranger.sign)
    refused("token_algorithm", verify_token, forged, ES256.verification)
    forged = token_of({"alg": "ES256", "kid": ES256.kid, **brought}, stranger.sign)
    refused("token_signature", verify_token, forged, ES256.verification)


@pytest.mark.parametrize("kid", [1, None, True, ["a"], {"a": 1}, 1.5, "k" * (KID_CHARACTERS_MAX + 1), "k" * 5_000])
def test_a_key_id_is_a_short_string(kid: object) -> None:
    refused("token_header", parse_compact, headed(kid=kid))


@pytest.mark.parametrize(
    "kid", ["../../dev/null", "' OR 1=1 --", "a\0b", "", "k" * KID_CHARACTERS_MAX, "http://127.0.0.1/"]
)
def test_a_hostile_key_id_is_a_name_like_any_other(kid: str) -> None:
    assert parse_compact(headed(kid=kid)).header.kid == kid


def test_a_type_is_a_short_string() -> None:
    assert parse_compact(headed(typ="t" * TYP_CHARACTERS_MAX)).header.typ == "t" * TYP_CHARACTERS_MAX
    for typ in (1, None, ["JWT"], "t" * (TYP_CHARACTERS_MAX + 1)):
        refused("token_header", parse_compact, headed(typ=typ))


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":"ES256","alg":"ES256"}',
        b'{"alg":"none","al\\u0067":"ES256"}',
        b'{"alg":"ES256","x":{"y":1,"y":1}}',
        b'["alg"]',
        b"",
        b'{"alg":"ES256"',
    ],
)
def test_a_header_is_one_strict_object(header: bytes) -> None:
    refused("token_malformed", parse_compact, token_of(header, ES256.sign))


def test_headers_are_remembered_by_their_own_text_and_not_without_end() -> None:
    _parse_known_header.cache_clear()
    for number in range(HEADER_CACHE_ENTRIES_MAX + 10):
        assert parse_compact(headed(kid=f"k{number}")).header.kid == f"k{number}"
    info = _parse_known_header.cache_info()
    assert info.currsize == info.maxsize == HEADER_CACHE_ENTRIES_MAX
    _parse_known_header.cache_clear()
    parse_compact(headed(x="x" * HEADER_CACHE_SEGMENT_BYTES_MAX))
    refused("token_header", parse_compact, headed(crit=[]))
    assert _parse_known_header.cache_info().currsize == 0


def test_the_key_names_itself_in_what_it_signs() -> None:
    for name in ("alg", "kid", "crit", "b64"):
        with pytest.raises(AssertionError):
            sign_compact({name: "x"}, PAYLOAD, ES256)

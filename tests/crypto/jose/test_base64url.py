import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.crypto.jose.samples import refused

from doorward.crypto.jose.base64url import decode_base64url, encode_base64url
from doorward.errors import Rejected

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=200))
def test_what_is_written_is_read_back(data: bytes) -> None:
    text = encode_base64url(data)
    assert decode_base64url(text) == data
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=")


@given(st.binary(max_size=40) | st.text(alphabet=ALPHABET.decode() + "+/=\n .", max_size=12).map(str.encode))
def test_every_octet_string_has_one_spelling(presented: bytes) -> None:
    try:
        data = decode_base64url(presented)
    except Rejected as error:
        assert error.code == "token_malformed"  # noqa: PT017  # the other outcome is a value
    else:
        assert encode_base64url(data) == presented


@pytest.mark.parametrize(
    "presented",
    [
        b"QQ==",
        b"QUI=",
        b"QQ=",
        b"QQ===",
        b"=",
        b"====",
        b"QQ!!",
        b"QQ\n",
        b" QQ",
        b"Q Q",
        b"QU\r\nJD",
        b"QUJD\n",
        b"QUJD====",
    ],
)
def test_padding_and_whitespace_are_refused(presented: bytes) -> None:
    refused("token_malformed", decode_base64url, presented)


def test_stray_bits_are_refused_in_every_last_character() -> None:
    """CVE-2026-62995: a token list keyed by spelling is walked around by changing bits that no octet is made of."""
    readable = dict.fromkeys((1, 2, 3), 0)
    for length in readable:
        for last in ALPHABET:
            text = b"A" * (length - 1) + bytes([last])
            try:
                decode_base64url(text)
            except Rejected:
                continue
            readable[length] += 1
    assert readable == {1: 0, 2: 4, 3: 16}


@pytest.mark.parametrize("length", [2, 3, 4, 20])
def test_only_the_url_alphabet_is_read(length: int) -> None:
    for octet in set(range(256)) - set(ALPHABET):
        for at in range(length):
            text = bytearray(b"A" * length)
            text[at] = octet
            refused("token_malformed", decode_base64url, bytes(text))

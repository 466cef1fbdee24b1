"""What holds of every request: signed ones verify, any flipped byte that is covered fails, garbage is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.signed import BODY, KEYS, NOW, changed, message, signed, verified

from doorward.errors import Rejected
from doorward.methods.signature import DEFAULT_PROFILE, PROFILES, Message, verify_request

_path = st.text(st.sampled_from("abcXYZ019/.-_~%;=&+@:!*'()"), max_size=30).map(lambda text: "/" + text)
_query = st.text(st.sampled_from("abcXYZ019/.-_~%;=&+@:!?"), max_size=30)
_target = st.one_of(_path, st.tuples(_path, _query).map("?".join)).map(str.encode)
_value = st.binary(min_size=0, max_size=30).filter(lambda value: not set(value) - set(range(0x20, 0x7F)))
_body = st.binary(min_size=1, max_size=100)


@given(_target, _value, _body, st.sampled_from(["GET", "POST", "PUT", "X-Y"]))
def test_what_is_signed_verifies(target: bytes, value: bytes, body: bytes, method: str) -> None:
    request = message((b"x-id", value), target=target, method=method, body=body)
    assert verified(signed(request, body=body, more_components=['"x-id"']), body=body)


REQUEST = signed(message((b"x-id", b"some value"), body=BODY), body=BODY, more_components=['"x-id"'])
COVERED = [(b"x-id", 0, 10), (b"content-type", 0, 16), (b"content-digest", 0, 54)]


@given(st.data())
def test_a_flipped_byte_of_a_covered_header_fails(data: st.DataObject) -> None:
    name, first, last = data.draw(st.sampled_from(COVERED))
    place = data.draw(st.integers(first, last - 1))
    bit = 1 << data.draw(st.integers(0, 7))
    flipped = [
        (key, value[:place] + bytes([value[place] ^ bit]) + value[place + 1 :] if key == name else value)
        for key, value in REQUEST.headers
    ]
    with pytest.raises(Rejected):
        verified(changed(REQUEST, headers=flipped))


@given(st.integers(0, len(REQUEST.target) - 1), st.integers(0, 7))
def test_a_flipped_byte_of_the_target_fails(place: int, bit: int) -> None:
    target = REQUEST.target
    flipped = target[:place] + bytes([target[place] ^ (1 << bit)]) + target[place + 1 :]
    with pytest.raises(Rejected):
        verified(changed(REQUEST, target=flipped))


@given(st.integers(0, len(BODY) - 1), st.integers(0, 7))
def test_a_flipped_byte_of_the_body_fails(place: int, bit: int) -> None:
    with pytest.raises(Rejected):
        verified(REQUEST, body=BODY[:place] + bytes([BODY[place] ^ (1 << bit)]) + BODY[place + 1 :])


@given(st.sampled_from([b"signature-input", b"signature"]), st.data())
def test_a_flipped_byte_of_the_signature_fields_never_verifies_as_something_else(
    name: bytes, data: st.DataObject
) -> None:
    value = dict(REQUEST.headers)[name]
    place = data.draw(st.integers(0, len(value) - 1))
    flipped = value[:place] + bytes([value[place] ^ (1 << data.draw(st.integers(0, 7)))]) + value[place + 1 :]
    headers = [(key, flipped if key == name else kept) for key, kept in REQUEST.headers]
    with pytest.raises(Rejected):
        verified(changed(REQUEST, headers=headers))


_garbage = st.one_of(
    st.binary(max_size=80),
    st.text(st.sampled_from('abcs1=();:",?\\@-. \t*k'), max_size=80).map(str.encode),
    st.sampled_from([dict(REQUEST.headers)[b"signature-input"], dict(REQUEST.headers)[b"signature"]]),
)
_name = st.sampled_from(
    [b"signature-input", b"signature", b"content-digest", b"content-length", b"host", b"x_id", b"x-id"]
)


@given(
    st.lists(st.tuples(_name, _garbage), max_size=8),
    st.one_of(_target, st.binary(max_size=30)),
    st.one_of(st.none(), st.binary(max_size=20)),
    st.text(max_size=6),
    st.sampled_from(sorted(PROFILES)),
)
def test_garbage_is_refused_and_never_anything_else(
    headers: list[tuple[bytes, bytes]], target: bytes, authority: bytes | None, method: str, profile: str
) -> None:
    request = Message(method=method, target=target, scheme="https", authority=authority, headers=headers)
    with suppress(Rejected):
        assert verify_request(request, KEYS, PROFILES[profile], NOW) is None


def test_a_signature_of_one_request_fits_no_other() -> None:
    requests = [
        message(target=b"/a?b"),
        message(target=b"/a", method="GET"),
        message(target=b"/a?b", authority=b"other.example"),
    ]
    for one in requests:
        fields = [header for header in signed(one).headers if header[0].startswith(b"signature")]
        for other in requests:
            if other is not one:
                with pytest.raises(Rejected):
                    verify_request(changed(other, headers=fields), KEYS, DEFAULT_PROFILE, NOW)

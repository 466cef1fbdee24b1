"""The usual spelling, read in one step: never otherwise than the long way reads it, and taken for what senders send."""

import base64
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.webhook import SCHEME_NAMES, deliver

from doorward.crypto.mac import MAC_BYTES, MacDigest
from doorward.errors import Rejected
from doorward.methods.webhook import SCHEMES, Encoding, Scheme, plain_scheme
from doorward.methods.webhook.forms import EVENT_ID_CHARACTERS_MAX, event_id_form
from doorward.methods.webhook.wire import _said, _said_usually, _signed_time

_DIGESTS: tuple[MacDigest, ...] = ("sha1", "sha256", "sha512")
_ODD = [
    msgspec.structs.replace(SCHEMES["github"], label="v1", usual=None),
    msgspec.structs.replace(SCHEMES["standard"], prefix="sha.=", usual=None),
    msgspec.structs.replace(SCHEMES["standard"], label="", usual=None),
    msgspec.structs.replace(SCHEMES["standard"], label="v.1", usual=None),
    msgspec.structs.replace(SCHEMES["standard"], asymmetric_label="v1", usual=None),
    msgspec.structs.replace(SCHEMES["stripe"], label="t", usual=None),
]
_ALL: list[Scheme] = [
    *SCHEMES.values(),
    *_ODD,
    *(
        plain_scheme(encoding=encoding, digest=digest, prefix=prefix)
        for encoding in Encoding
        for digest in _DIGESTS
        for prefix in ("", "sha.=")
    ),
]


def _written(scheme: Scheme, mac: bytes) -> str:
    return mac.hex() if scheme.encoding is Encoding.HEX else base64.b64encode(mac).decode()


def _long_way(scheme: Scheme, value: bytes) -> object:
    try:
        macs, signatures, timestamp_text = _said(scheme, value)
        if scheme.signs_time and timestamp_text:
            _signed_time(scheme, {scheme.timestamp_name: timestamp_text}, timestamp_text)
    except Rejected as error:
        return error.code
    return macs, signatures, timestamp_text


@dataclass
class _Near:
    """A header near to a good one: its pieces, some of them left out, doubled or spelled otherwise."""

    scheme: Scheme
    value: bytes


@st.composite
def _near(draw: st.DrawFn) -> _Near:
    scheme = draw(st.sampled_from(_ALL))
    size = draw(st.sampled_from([MAC_BYTES[scheme.digest]] * 4 + [0, 19, 31, 33]))
    text = _written(scheme, draw(st.binary(min_size=size, max_size=size)))
    text = draw(st.sampled_from([text, text, text, text.upper(), text.rstrip("="), text + "=", text[:-1], text[:-2]]))
    label = draw(st.sampled_from([scheme.label] * 3 + ["v0", "V1", "v1a", "sha.", ""]))
    time = draw(st.sampled_from(["t=1750000000,", "t=0,", "t=01,", "t=,", "t=-1,", "t=123456789012,", "t=1,t=1,", ""]))
    value = draw(
        st.sampled_from(
            [
                scheme.prefix + text,
                scheme.prefix.replace(".", "x") + text,
                f"{label},{text}",
                f"{label}={text}",
                f"{time}{label}={text}",
                f"{time}{label}={text},v0={text}",
                f"{label},{text} {label},{text}",
            ]
        )
    ).encode()
    if draw(st.booleans()):
        place = draw(st.integers(0, len(value)))
        value = (
            value[:place] + draw(st.sampled_from([b" ", b"\n", b"B", b"=", b",", b"\xff", b""])) + value[place + 1 :]
        )
    return _Near(scheme, value)


@given(_near())
def test_what_is_read_in_one_step_is_what_the_long_way_reads(near: _Near) -> None:
    quick = _said_usually(near.scheme, near.value)
    if quick is not None:
        macs, signatures, timestamp_text = quick
        assert _long_way(near.scheme, near.value) == (macs, signatures, timestamp_text)


@given(st.sampled_from([scheme for scheme in _ALL if scheme not in _ODD]), st.binary(min_size=64, max_size=64))
def test_every_hmac_in_its_one_spelling_is_read_in_one_step(scheme: Scheme, octets: bytes) -> None:
    mac = octets[: MAC_BYTES[scheme.digest]]
    ahead = {"alone": scheme.prefix, "labelled": f"{scheme.label},", "fields": f"t=17,{scheme.label}="}[scheme.layout]
    quick = _said_usually(scheme, f"{ahead}{_written(scheme, mac)}".encode())
    assert quick is not None
    assert quick[0] == (mac,)


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_the_one_step_is_taken_for_what_senders_send(name: str) -> None:
    delivery = deliver(name)
    assert _said_usually(delivery.scheme, delivery.signature) is not None


_FORM = event_id_form("evt_")


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"evt_1NG8","object":"event"}',
        b'{\n  "id": "evt_1NG8",\n  "object": "event"\n}',
        b'{"id":"evt_1NG8"}',
        b'{ "id" : "evt_1NG8" , "a":1}',
    ],
)
def test_the_id_a_body_begins_with_is_found(body: bytes) -> None:
    found = _FORM.match(body)
    assert found is not None
    assert found[1] == b"evt_1NG8"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'["id","evt_1"]',
        b'{"id":"evt_"}',
        b'{"id":"cus_1"}',
        b'{"id":"evt_1',
        b'{"id":"evt_1"',
        b'{"id":"evt_1\\u0041"}',
        b'{"id":"evt_1 "}',
        b'{"id":"evt_1"x}',
        b'{"a":{"id":"evt_1"}}',
        b'{"object":"event","id":"evt_1"}',
        b'\xef\xbb\xbf{"id":"evt_1"}',
        b' {"id":"evt_1"}',
        b'{"id":"evt_%s"}' % (b"a" * (EVENT_ID_CHARACTERS_MAX - 3)),
        b"{" + b" " * 17 + b'"id":"evt_1"}',
    ],
)
def test_what_begins_otherwise_has_no_id(body: bytes) -> None:
    # Such a body is told from another by a digest of it, which is always right.
    assert _FORM.match(body) is None


def test_an_id_may_be_as_long_as_is_said() -> None:
    found = _FORM.match(b'{"id":"evt_%s"}' % (b"a" * (EVENT_ID_CHARACTERS_MAX - 4)))
    assert found is not None
    assert len(found[1]) == EVENT_ID_CHARACTERS_MAX


def test_a_label_under_which_the_long_way_finds_nothing_has_no_usual_form() -> None:
    assert [scheme.usual is None for scheme in _ODD] == [True, False, True, True, True, True]

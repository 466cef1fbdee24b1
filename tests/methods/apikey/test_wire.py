"""How a key travels, and what is refused before anything is looked up."""

import secrets
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.request import view_of

from doorward.errors import Misconfigured, Rejected
from doorward.methods.apikey import ApiKeyConfig
from doorward.methods.apikey.wire import KeyReader, PresentedKey
from doorward.wire.credential import mint_credential_text
from doorward.wire.request import Header, RequestView

READER = KeyReader("dw")


def _mint(label: str = "live", prefix: str = "dw") -> str:
    return mint_credential_text(prefix=prefix, label=label, entropy=secrets.token_bytes).text


KEY = _mint()


def _extract(*headers: Header, target: bytes = b"/orders") -> PresentedKey | None:
    view = view_of(*headers, target=target)
    plain = msgspec.structs.replace(view, by_name=None)
    # The index of headers makes looking cheap and changes no answer.
    assert _outcome(view) == _outcome(plain)
    return READER.extract(view)


def _outcome(view: RequestView) -> PresentedKey | str | None:
    try:
        return READER.extract(view)
    except Rejected as refused:
        return refused.code


def _code(*headers: Header, target: bytes = b"/orders") -> str:
    with pytest.raises(Rejected) as caught:
        _extract(*headers, target=target)
    assert KEY not in str(caught.value) + caught.value.detail
    return caught.value.code


@pytest.mark.parametrize("label", ["live", "test"])
@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("authorization", "Bearer "),
        ("authorization", "bearer   "),
        ("authorization", "BEARER "),
        ("authorization", "Api-Key "),
        ("authorization", "api-key  "),
        ("x-api-key", ""),
    ],
)
def test_every_carrier(label: str, name: str, scheme: str) -> None:
    text = _mint(label)
    presented = _extract((name.encode(), (scheme + text).encode()))
    assert presented is not None
    assert presented.secret == text.encode()
    assert presented.lookup_id == text[len("dw_live_") :][:12]


@pytest.mark.parametrize(
    "value",
    [
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer opaque",
        "Bearer DW_LIVE_x",
        f"Bearer {_mint(prefix='acme')}",
        "Bearer dw_pass_" + "0" * 50,
        "Basic Zm9vOmJhcg==",
        "Digest x",
    ],
)
def test_another_methods_value_is_not_ours(value: str) -> None:
    assert _extract((b"authorization", value.encode())) is None


def test_nothing_presented_is_nothing() -> None:
    assert _extract((b"accept", b"*/*")) is None
    assert _extract() is None


@pytest.mark.parametrize(
    "text",
    [
        "dw_live_",
        KEY[:-1],
        KEY + "0",
        KEY + " ",
        KEY[:-1] + "-",
        KEY[:-1] + "_",
        "dw_test_" + "0" * 51,
        "dw_live_" + "0" * 1_000_000,
    ],
)
def test_our_prefix_with_another_form_is_malformed(text: str) -> None:
    assert _code((b"x-api-key", text.encode())) == "credential_malformed"
    assert _code((b"authorization", b"Bearer " + text.encode())) == "credential_malformed"
    assert _code((b"authorization", b"Api-Key " + text.encode())) == "credential_malformed"


@pytest.mark.parametrize("value", [b"", b"abc", b"\x00", b"\xff" * 58, "\uff44".encode() + KEY[1:].encode(), b" "])
def test_what_is_meant_for_us_must_be_readable(value: bytes) -> None:
    assert _code((b"x-api-key", value)) == "credential_malformed"
    assert _code((b"authorization", b"Api-Key " + value)) == "credential_malformed"


@pytest.mark.parametrize("digit", ["\u0661", "\uff11", "\u00b2"])
def test_digits_of_other_scripts_are_no_digits(digit: str) -> None:
    assert _code((b"x-api-key", (KEY[:-1] + digit).encode())) == "credential_malformed"
    assert _code((b"x-api-key", KEY[:-1].encode() + b"\xb2")) == "credential_malformed"


def test_two_carriers_are_refused_even_when_equal() -> None:
    bearer, header = (b"authorization", b"Bearer " + KEY.encode()), (b"x-api-key", KEY.encode())
    assert _code(bearer, header) == "credential_conflict"
    assert _code(bearer, (b"x-api-key", _mint().encode())) == "credential_conflict"


def test_a_repeated_header_is_refused_even_when_equal() -> None:
    bearer, header = (b"authorization", b"Bearer " + KEY.encode()), (b"x-api-key", KEY.encode())
    assert _code(bearer, bearer) == "header_repeated"
    assert _code(header, header) == "header_repeated"
    assert _code(header, bearer, bearer) == "header_repeated"


def test_another_methods_credential_beside_ours_is_the_pipelines_question() -> None:
    presented = _extract((b"authorization", b"Basic Zm9vOmJhcg=="), (b"x-api-key", KEY.encode()))
    assert presented is not None
    assert presented.secret == KEY.encode()


@pytest.mark.parametrize(
    "query",
    [
        "api_key=x",
        "apikey=",
        "API-KEY=x",
        "a=1&x-api-key=x",
        "a=1;x_api_key=x",
        "access_token=x",
        "api%5Fkey=x",
        "%61pikey=x",
        f"key={KEY}",
        f"q={KEY.upper()}",
        f"next={quote('https://e.example/?k=' + KEY, safe='')}",
        f"{KEY}",
        "k=" + "".join(f"%{byte:02x}" for byte in KEY.encode()),
    ],
)
def test_a_key_in_the_query_is_refused(query: str) -> None:
    target = b"/orders?" + query.encode()
    assert _code(target=target) == "credential_in_query"
    assert _code((b"x-api-key", KEY.encode()), target=target) == "credential_in_query"


@pytest.mark.parametrize(
    "query",
    ["", "key=42", "sort=key", "my_api_key=x", "api_keys=x", "q=api_key", "token=x", "a=%", "q=dw_live_short", "%ff=1"],
)
def test_a_harmless_query_is_not_refused(query: str) -> None:
    assert _extract((b"x-api-key", KEY.encode()), target=b"/orders?" + query.encode()) is not None


def test_the_presented_secret_is_in_no_repr() -> None:
    presented = _extract((b"x-api-key", KEY.encode()))
    assert presented is not None
    assert KEY[20:] not in f"{presented!r} {presented} {presented.__rich_repr__()!r}"
    assert presented.lookup_id in repr(presented)


@pytest.mark.parametrize("prefix", ["", "d", "Dw", "1w", "d_w", "d" * 13, "dw\n", "dé"])
def test_a_prefix_that_is_none_stops_the_start(prefix: str) -> None:
    with pytest.raises(Misconfigured):
        ApiKeyConfig(prefix=prefix)


@given(spaces=st.integers(1, 3), scheme=st.sampled_from(["Bearer", "bEARER"]), tail=st.text("0aZ_-", max_size=52))
def test_the_short_way_and_the_long_way_agree(spaces: int, scheme: str, tail: str) -> None:
    text = "dw_live_" + tail
    try:
        expected = READER.parse(text).secret
    except Rejected:
        expected = None
    try:
        presented = _extract((b"authorization", (scheme + " " * spaces + text).encode()))
        actual = None if presented is None else presented.secret
    except Rejected:
        actual = None
    assert actual == expected

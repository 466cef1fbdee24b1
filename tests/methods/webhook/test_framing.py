"""A signature fits one delivery: every part of what is signed ends where nothing else could have ended it."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.webhook import NOW, lower

from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import SCHEMES, Encoding, Scheme, parse_secret, sign_delivery, verify_delivery
from doorward.methods.webhook.schemes import Layout, Part

ID, TIME, BODY, URL, FORM = Part.ID, Part.TIMESTAMP, Part.BODY, Part.URL, Part.FORM
TEXT = "4Kq9zLm27xPw0TfVn5RsYc1UhGj8E3Ab"


def scheme_of(*signed: Part | bytes) -> Scheme:
    return Scheme(
        name="own",
        sender="Own",
        signature_header="X-Sig",
        timestamp_header="X-Time" if TIME in signed else "",
        id_header="X-Id",
        layout=Layout.ALONE,
        encoding=Encoding.HEX,
        signed=signed,
    )


@pytest.mark.parametrize(
    "signed",
    [
        (ID, BODY),
        (TIME, BODY),
        (ID, TIME, b".", BODY),
        (ID, b"", BODY),
        (BODY, TIME),
        (BODY, ID),
        (BODY, b".", TIME, ID),
        (TIME, b"0", BODY),
        (BODY, b":9", TIME),
        (URL, BODY),
        (URL, b"&", BODY),
        (URL, TIME, FORM),
        (BODY, b".", FORM),
        (BODY, b".", BODY),
    ],
)
def test_a_scheme_that_could_be_cut_elsewhere_is_refused(signed: tuple[Part | bytes, ...]) -> None:
    with pytest.raises(Misconfigured, match="one signature would fit several deliveries"):
        scheme_of(*signed)


@pytest.mark.parametrize(
    "signed",
    [
        (BODY,),
        (ID, b":", BODY),
        (b"v0:", TIME, b":", BODY),
        (BODY, b".", TIME),
        (BODY, b"\n", ID),
        (URL, b"\n", BODY),
        (URL, FORM),
        (ID, b".", TIME, b".", BODY, b"/", ID),
        (TIME, b".", URL),
    ],
)
def test_a_scheme_with_borders_is_taken(signed: tuple[Part | bytes, ...]) -> None:
    assert scheme_of(*signed).signed == signed


def signed_by(scheme: Scheme, delivery_id: str, body: bytes) -> list[tuple[bytes, bytes]]:
    secret = parse_secret(scheme, TEXT, secret_id="s")
    return lower(sign_delivery(scheme, [secret], body, now=NOW, delivery_id=delivery_id))


def code_of(scheme: Scheme, headers: list[tuple[bytes, bytes]], body: bytes) -> str:
    try:
        verify_delivery(scheme, [parse_secret(scheme, TEXT, secret_id="s")], headers, body, now=NOW)
    except Rejected as refused:
        return refused.code
    return "verified"


def test_an_id_holds_nothing_that_could_end_it() -> None:
    scheme = scheme_of(ID, b":", BODY)
    headers = signed_by(scheme, "m1", b'drop:{"pay":1}')
    assert code_of(scheme, headers, b'drop:{"pay":1}') == "verified"
    moved = [(name, b"m1:drop" if name == b"x-id" else value) for name, value in headers]
    assert code_of(scheme, moved, b'{"pay":1}') == "webhook_malformed"
    with pytest.raises(Rejected, match="webhook_malformed"):
        signed_by(scheme, "m1:drop", b"")
    # A longer border: where it begins an id may not go on, nor, behind a body, where it ends.
    for border in (b"::", b":-"):
        assert code_of(scheme_of(ID, border, BODY), moved, b"") == "webhook_malformed"
        assert code_of(scheme_of(BODY, border[::-1], ID), moved, b"") == "webhook_malformed"
    # What is special in a pattern is not in an id.
    for special in "^]\\-[":
        odd = scheme_of(ID, special.encode(), BODY)
        assert code_of(odd, signed_by(odd, "m1", b"x"), b"x") == "verified"
        with pytest.raises(Rejected, match="webhook_malformed"):
            signed_by(odd, f"m{special}1", b"x")


_IDS = st.text(st.sampled_from("a:1-"), min_size=1, max_size=3)
_BODIES = st.text(st.sampled_from("a:1-"), max_size=4)


@given(
    border=st.sampled_from([b":", b"::", b":-", b"-:", b"1", b"a"]),
    behind=st.booleans(),
    deliveries=st.lists(st.tuples(_IDS, _BODIES), unique=True, max_size=12),
)
def test_no_two_deliveries_have_one_signature(
    border: bytes, *, behind: bool, deliveries: list[tuple[str, str]]
) -> None:
    scheme = scheme_of(*((BODY, border, ID) if behind else (ID, border, BODY)))
    found: list[Any] = []
    for delivery_id, body in deliveries:
        try:
            found.append((dict(signed_by(scheme, delivery_id, body.encode()))[b"x-sig"], delivery_id, body))
        except Rejected:
            continue
    for one, other in combinations(found, 2):
        assert one[0] != other[0], (one, other)


@pytest.mark.parametrize("name", sorted(SCHEMES))
def test_the_schemes_of_the_house_have_borders(name: str) -> None:
    scheme = SCHEMES[name]
    assert (scheme.id_form is not None) == scheme.signs_id
    if scheme.id_form is not None:
        assert scheme.id_form.fullmatch(b"msg_2KW-P/B:g") is not None
        assert scheme.id_form.fullmatch(b"msg.2KW") is None

"""Headers in every wrong form: one refusal, whatever the reference libraries would crash with."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.webhook import NOW, SCHEME_NAMES, URL, Delivery, deliver

from doorward.errors import REFUSALS, Misconfigured, Rejected
from doorward.methods.webhook import SCHEMES, plain_scheme, verify_delivery
from doorward.methods.webhook.config import SIGNATURES_MAX
from doorward.methods.webhook.wire import parse_delivery
from doorward.wire.render import STATUS_OF


def _code(delivery: Delivery) -> str:
    with pytest.raises(Rejected) as caught:
        verify_delivery(delivery.scheme, [delivery.secret], delivery.headers, delivery.body, now=NOW, url=delivery.url)
    return caught.value.code


GOOD = deliver("standard").signature


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"v1",
        b"v1,",
        b",",
        b"v1,a,b",
        b" " + GOOD,
        GOOD + b" ",
        GOOD + b"  " + GOOD,
        GOOD + b"\r\n " + GOOD,
        GOOD.replace(b"v1,", b"v1, "),
        GOOD.replace(b"v1,", b"v1="),
        GOOD + b", " + GOOD,
        GOOD[:-1],
        GOOD[:-2] + b"B=",
        GOOD + b"=",
        GOOD[:20] + b"\x00" + GOOD[21:],
        GOOD[:20] + b"\xff" + GOOD[21:],
        GOOD[:20] + b"*" + GOOD[21:],
        b"v1," + base64.b64encode(b"x" * 31),
        b"v1," + base64.b64encode(b"x" * 33),
        b"v1," + base64.urlsafe_b64encode(b"\xff" * 32),
        b"v1a," + base64.b64encode(b"x" * 63),
        GOOD + b" v1a,AAAA",
        b"v1," + b"A" * 100_000,
    ],
)
def test_a_signature_header_of_another_form_is_malformed(value: bytes) -> None:
    delivery = deliver("standard")
    assert _code(delivery.changed("webhook-signature", value)) == "webhook_malformed"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"hello",
        b"1750000000.9",
        b" 1750000000",
        b"1750000000 ",
        b"175_0000000",
        b"+1750000000",
        b"-1",
        b"01750000000",
        b"1750000000000",
        b"9" * 5_000,
        b"0x10",
        b"1e9",
        "١٢٣".encode(),
        b"\xff",
        b"nan",
    ],
)
@pytest.mark.parametrize("name", ["standard", "svix", "slack"])
def test_a_time_is_decimal_seconds_and_nothing_else(name: str, value: bytes) -> None:
    delivery = deliver(name)
    assert _code(delivery.changed(delivery.scheme.timestamp_header, value)) == "webhook_malformed"


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"t=1750000000",
        b"{sig}",
        b"t=,{sig}",
        b"t=1750000000,t=1750000000,{sig}",
        b"t=1750000000, {sig}",
        b"t=1750000000;{sig}",
        b"t=1750000000,{sig},",
        b"t=1750000000,v1=00",
        b"t=1750000000,{SIG}",
        b"t=17500000000000,{sig}",
        b"t=\xd9\xa1,{sig}",
    ],
)
def test_stripes_header_is_read_as_strictly(value: bytes) -> None:
    delivery = deliver("stripe")
    field = delivery.signature.partition(b",")[2]
    filled = value.replace(b"{sig}", field).replace(b"{SIG}", b"v1=" + field[3:].upper())
    expected = "webhook_signature" if value == b"t=1750000000" else "webhook_malformed"
    assert _code(delivery.changed("stripe-signature", filled)) == expected


@pytest.mark.parametrize("name", ["github", "slack", "shopify", "twilio", "plain"])
def test_a_signature_that_stands_alone_has_one_spelling(name: str) -> None:
    delivery = deliver(name)
    value = delivery.signature
    for other in (b"", value + b" ", b" " + value, value + value, value[:-2], b"sha1=" + value, b'"' + value + b'"'):
        assert _code(delivery.changed(delivery.scheme.signature_header, other)) == "webhook_malformed"
    prefix = delivery.scheme.prefix.encode()
    if delivery.scheme.encoding == "hex":
        upper = prefix + value.removeprefix(prefix).upper()
        assert _code(delivery.changed(delivery.scheme.signature_header, upper)) == "webhook_malformed"


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_a_header_that_comes_twice_is_refused_even_when_equal(name: str) -> None:
    delivery = deliver(name)
    for header in delivery.headers:
        assert _code(delivery._replace(headers=[*delivery.headers, header])) == "header_repeated"


def test_the_type_of_a_signed_form_comes_once() -> None:
    delivery = deliver("twilio")
    types = [(b"content-type", b"application/x-www-form-urlencoded"), (b"Content-Type", b"application/json")]
    assert _code(delivery._replace(headers=[*delivery.headers, *types])) == "header_repeated"


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_a_header_with_underscores_is_no_alias(name: str) -> None:
    delivery = deliver(name)
    aliased = [(key.replace(b"-", b"_"), value) for key, value in delivery.headers]
    assert _code(delivery._replace(headers=aliased)) == "credential_missing"


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_without_a_signature_header_nothing_is_presented(name: str) -> None:
    delivery = deliver(name).changed(SCHEMES[name].signature_header, None)
    assert parse_delivery(delivery.scheme, delivery.headers) is None
    assert _code(delivery) == "credential_missing"


@pytest.mark.parametrize("name", ["standard", "svix", "slack"])
def test_a_time_or_an_id_that_is_missing_is_malformed(name: str) -> None:
    scheme = SCHEMES[name]
    for header in filter(None, (scheme.timestamp_header, scheme.id_header)):
        assert _code(deliver(name).changed(header, None)) == "webhook_malformed"


@pytest.mark.parametrize("id_", [b"", b"a.b", b".", b"a b", b"a\r\nb", b"\xc3\xa4", b"a" * 201])
def test_an_id_that_could_be_read_two_ways_is_refused(id_: bytes) -> None:
    # The id `a.1750000000` with the body `x` would sign the same bytes as the id `a` with the body `1750000000.x`.
    assert _code(deliver("standard").changed("webhook-id", id_)) == "webhook_malformed"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("standard", b" ".join([GOOD] * 10_000)),
        ("standard", b" ".join([b"v9,x"] * 1_000)),
        ("stripe", b"t=1750000000," + b",".join([b"v1=" + b"0" * 64] * 10_000)),
        ("stripe", b"t=1750000000," + b",".join([b"v0=x"] * SIGNATURES_MAX)),
        ("standard", b" ".join([b"v1a," + base64.b64encode(b"x" * 64)] * 5)),
    ],
)
def test_signatures_are_refused_by_their_number(name: str, value: bytes) -> None:
    delivery = deliver(name)
    assert _code(delivery.changed(delivery.scheme.signature_header, value)) == "webhook_malformed"


def test_a_header_is_refused_by_its_length() -> None:
    value = b" ".join([GOOD, *[b"v2," + b"x" * 450] * 9])
    delivery = deliver("standard")
    assert _code(delivery.changed("webhook-signature", value)) == "webhook_malformed"
    shorter = delivery.changed("webhook-signature", value[:1_417])
    verify_delivery(shorter.scheme, [shorter.secret], shorter.headers, shorter.body, now=NOW)


@pytest.mark.parametrize(("name", "other"), [("standard", b"v2,"), ("svix", b"v1a2,"), ("standard", b"V1,")])
def test_a_signature_of_another_version_does_not_count(name: str, other: bytes) -> None:
    delivery = deliver(name)
    relabelled = delivery.changed(delivery.scheme.signature_header, delivery.signature.replace(b"v1,", other))
    assert _code(relabelled) == "webhook_signature"


def test_whoever_has_not_signed_learns_no_more_than_with_any_credential() -> None:
    for code, public in (("webhook_signature", "credential_invalid"), ("webhook_malformed", "credential_malformed")):
        assert REFUSALS[code].public_code == public
        assert STATUS_OF[code] == STATUS_OF["credential_unknown"]


def test_as_many_signatures_as_are_allowed_are_read() -> None:
    delivery = deliver("standard")
    value = b" ".join([*[b"v2,x"] * (SIGNATURES_MAX - 1), GOOD])
    changed = delivery.changed("webhook-signature", value)
    verify_delivery(changed.scheme, [changed.secret], changed.headers, changed.body, now=NOW)
    more = delivery.changed("webhook-signature", b"v2,x " + value)
    assert _code(more) == "webhook_malformed"


@given(
    name=st.sampled_from(SCHEME_NAMES),
    headers=st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=80)), max_size=4),
    body=st.binary(max_size=50),
)
def test_nothing_but_a_refusal_comes_out_of_garbage(name: str, headers: list[tuple[int, bytes]], body: bytes) -> None:
    delivery = deliver(name)
    scheme = delivery.scheme
    names = [scheme.signature_header, scheme.timestamp_header or "x", scheme.id_header or "y", "content-type"]
    garbage = [(names[which].lower().encode(), value) for which, value in headers]
    with pytest.raises(Rejected):
        verify_delivery(scheme, [delivery.secret], garbage, body, now=NOW, url=URL)


@given(name=st.sampled_from(SCHEME_NAMES), place=st.integers(0, 200), octet=st.binary(min_size=1, max_size=3))
def test_a_good_header_with_something_put_into_it_never_crashes(name: str, place: int, octet: bytes) -> None:
    delivery = deliver(name)
    for key, value in delivery.headers:
        changed = delivery.changed(key.decode(), value[:place] + octet + value[place:])
        with pytest.raises(Rejected):
            verify_delivery(changed.scheme, [changed.secret], changed.headers, changed.body, now=NOW, url=changed.url)


def test_what_was_presented_is_not_shown() -> None:
    presented = parse_delivery(SCHEMES["standard"], deliver("standard").headers)
    assert presented is not None
    shown = repr(presented) + repr(presented.__rich_repr__())
    assert presented.macs[0].hex() not in shown
    assert repr(presented.macs[0]) not in shown


@pytest.mark.parametrize("header", ["", "X Signature", "X-Signature:", "é", "x" * 65])
def test_a_plain_scheme_needs_the_name_of_a_header(header: str) -> None:
    with pytest.raises(Misconfigured):
        plain_scheme(header)


@pytest.mark.parametrize("prefix", ["a b", "ä", "x" * 33, "\n"])
def test_a_plain_scheme_needs_a_prefix_that_can_be_sent(prefix: str) -> None:
    with pytest.raises(Misconfigured):
        plain_scheme(prefix=prefix)

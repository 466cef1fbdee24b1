"""The two header fields: what is read of them, by both ways of reading, and what is refused."""

import time
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.signed import changed, message, resigned, signed, verified

from doorward.errors import Rejected
from doorward.methods.signature import PROFILES, Message, parse_signatures
from doorward.methods.signature.base import compile_components
from doorward.methods.signature.config import COMPONENTS_MAX, PARAMETER_CHARACTERS_MAX, SIGNATURES_MAX
from doorward.methods.signature.wire import _parse_alone, _parse_several, _said, _said_unusually

ANY = PROFILES["danger-any"]


def carrying(signature_input: bytes | None, signature: bytes | None) -> Message:
    headers = []
    if signature_input is not None:
        headers.append((b"signature-input", signature_input))
    if signature is not None:
        headers.append((b"signature", signature))
    return message(*headers)


def code_of(signature_input: bytes | None, signature: bytes | None) -> str:
    with pytest.raises(Rejected) as raised:
        parse_signatures(carrying(signature_input, signature))
    return raised.value.code


def test_a_request_without_either_field_presents_nothing() -> None:
    assert parse_signatures(message()) is None


def test_what_a_signature_says_is_read() -> None:
    (one,) = (
        parse_signatures(
            carrying(
                b'a=("@method" "x-id";bs);created=1;expires=2;keyid="k";alg="ed25519";nonce="n";tag="t";x=1',
                b"a=:AAEC:",
            )
        )
        or ()
    )
    assert (one.label, one.lookup_id, one.signature) == ("a", "k", b"\0\1\2")
    assert one.covered.identifiers == {'"@method"', '"x-id";bs'}
    assert (one.said.created, one.said.expires, one.said.algorithm) == (1, 2, "ed25519")
    assert (one.said.nonce, one.said.tag) == ("n", "t")


def test_a_signature_does_not_show_itself() -> None:
    (one,) = parse_signatures(carrying(b'a=();keyid="k"', b"a=:c2VjcmV0:")) or ()
    assert repr(one) == "PresentedSignature(lookup_id='k', <unverified>)"


GOOD = b'a=();created=1;keyid="k"'


@pytest.mark.parametrize(
    ("signature_input", "signature"),
    [
        (GOOD, None),
        (None, b"a=:AA==:"),
        (GOOD, b""),
        (b"", b"a=:AA==:"),
        (GOOD, b"b=:AA==:"),
        (GOOD, b"a=:AA==:, b=:AA==:"),
        (GOOD + b', b=();keyid="k"', b"a=:AA==:"),
        (GOOD + b", " + GOOD, b"a=:AA==:"),
        (GOOD + b", " + GOOD, b"a=:AA==:, a=:AA==:"),
        (GOOD + b", " + GOOD, b"a=:AA==:, b=:AA==:"),
        (GOOD, b"a=:AA==:, a=:AA==:"),
        (GOOD, b"a=AAA"),
        (GOOD, b'a="AA=="'),
        (GOOD, b"a"),
        (GOOD, b"a=(:AA==:)"),
        (GOOD, b"a=:A:"),
        (GOOD, b"a=:AA:"),
        (GOOD, b"a=:A A==:"),
        (GOOD, b"a=:AA==:,"),
        (GOOD, b"a=:AA==: b"),
        (GOOD, b"A=:AA==:"),
        (b'a=1;keyid="k"', b"a=:AA==:"),
        (b'a;keyid="k"', b"a=:AA==:"),
        (b"a=()", b"a=:AA==:"),
        (b'a=();keyid=""', b"a=:AA==:"),
        (b"a=();keyid=k", b"a=:AA==:"),
        (b"a=();keyid=:AA==:", b"a=:AA==:"),
        (b"a=();keyid", b"a=:AA==:"),
        (b'a=();keyid="k";keyid="k"', b"a=:AA==:"),
        (b'a=();keyid="k";created=1;created=1', b"a=:AA==:"),
        (b'a=();keyid="k";created=1.0', b"a=:AA==:"),
        (b'a=();keyid="k";created="1"', b"a=:AA==:"),
        (b'a=();keyid="k";created=@1', b"a=:AA==:"),
        (b'a=();keyid="k";created=-1', b"a=:AA==:"),
        (b'a=();keyid="k";created', b"a=:AA==:"),
        (b'a=();keyid="k";created=?1', b"a=:AA==:"),
        (b'a=();keyid="k";created=1e3', b"a=:AA==:"),
        (b'a=();keyid="k";created=1700000000000000', b"a=:AA==:"),
        (b'a=();keyid="k";expires=1.5', b"a=:AA==:"),
        (b'a=();keyid="k";alg=ed25519', b"a=:AA==:"),
        (b'a=();keyid="k";nonce=1', b"a=:AA==:"),
        (b'a=();keyid="k";nonce=""', b"a=:AA==:"),
        (b'a=();keyid="k";tag=x', b"a=:AA==:"),
        (b'a=(date);keyid="k"', b"a=:AA==:"),
        (b'a=(1);keyid="k"', b"a=:AA==:"),
        (b'a=("date" "date");keyid="k"', b"a=:AA==:"),
        (b'a=("x";bs;bs);keyid="k"', b"a=:AA==:"),
        (b'a=("x";key="a";sf "x";sf;key="a");keyid="k"', b"a=:AA==:"),
        (b'a=("date""host");keyid="k"', b"a=:AA==:"),
        (b'a=("date";keyid="k"', b"a=:AA==:"),
        (b'a=("d\xc3\xa9");keyid="k"', b"a=:AA==:"),
        (b'a=("date"\t"host");keyid="k"', b"a=:AA==:"),
        (b'a=();keyid="k\n"', b"a=:AA==:"),
        (b'a=();keyid="%s"' % (b"k" * (PARAMETER_CHARACTERS_MAX + 1)), b"a=:AA==:"),
        (b'a=();keyid="k";nonce="%s"' % (b"n" * (PARAMETER_CHARACTERS_MAX + 1)), b"a=:AA==:"),
        (b'a=(%s);keyid="k"' % b" ".join(b'"h%d"' % number for number in range(COMPONENTS_MAX + 1)), b"a=:AA==:"),
        (b'a=();keyid="k"' + b" " * 9_000, b"a=:AA==:" + b"," * 9_000),
        (b'a=();keyid="k"', b"a=:%s:" % b64encode(bytes(9_000))),
    ],
    ids=lambda value: None if value is None else value[:60].decode("latin-1"),
)
def test_what_is_malformed_is_one_code(signature_input: bytes | None, signature: bytes | None) -> None:
    assert code_of(signature_input, signature) == "signature_malformed"


def test_many_signatures_are_refused_by_their_number() -> None:
    def fields(count: int) -> Message:
        return carrying(
            b", ".join(b'a%d=();keyid="k"' % number for number in range(count)),
            b", ".join(b"a%d=:AA==:" % number for number in range(count)),
        )

    assert len(parse_signatures(fields(SIGNATURES_MAX)) or ()) == SIGNATURES_MAX
    for count in (SIGNATURES_MAX + 1, 10_000):
        began = time.process_time()
        with pytest.raises(Rejected) as raised:
            parse_signatures(fields(count))
        assert raised.value.code == "signature_malformed"
        assert time.process_time() - began < 0.1


def test_several_lines_of_a_field_are_one_field() -> None:
    request = message(
        (b"signature-input", b'a=();keyid="k"'),
        (b"signature-input", b'b=();keyid="k"'),
        (b"signature", b"b=:AA==:"),
        (b"signature", b"a=:AA==:"),
    )
    assert [one.label for one in parse_signatures(request) or ()] == ["a", "b"]


_value = st.one_of(
    st.integers(-5, 999_999_999_999_999).map(str),
    st.sampled_from(["1.0", "@1", "?1", "?0", "token", ":AA==:", "01", "-0"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
)
_name = st.sampled_from(["created", "expires", "keyid", "alg", "nonce", "tag", "x"])
_parameter = st.tuples(st.sampled_from([";", "; "]), _name, _value).map(lambda part: f"{part[0]}{part[1]}={part[2]}")


def _outcome(text: str, *, unusually: bool) -> object:
    try:
        return _said_unusually(text) if unusually else _said(text)
    except Rejected as error:
        return error.code


@given(st.lists(_parameter, max_size=6).map("".join))
def test_both_ways_of_reading_parameters_agree(text: str) -> None:
    assert _outcome(text, unusually=False) == _outcome(text, unusually=True)


_list = st.sampled_from(
    [
        "()",
        '("@method")',
        '( "@method" )',
        '("@query-param";name="a)b")',
        '("x);a=(")',
        '("\u00e9")',
        '("a"\n"b")',
        '("date" "x-id";bs)',
        "(",
        ")",
        "",
        "1",
    ]
)
_label = st.sampled_from(["a", "sig1", "*", "A", ""])
_sent = st.sampled_from(
    [":AA==:", ":AAEC:", "::", ":", "", ":AA:", ":AA==", ":AAECA", ":AA==:AA==:", ":AA=A:", ":A-_A:", "x", ":AB==:"]
)


def _read(signature_input: bytes, signature: bytes, *, several: bool) -> object:
    try:
        if several:
            return _parse_several(signature_input, signature, ())
        found = _parse_alone(signature_input, signature, ())
    except Rejected as error:
        return error.code
    return None if found is None else (found,)


@given(
    _label,
    _list,
    st.lists(_parameter, max_size=4).map("".join),
    _label,
    _sent,
    st.sampled_from(["", ", b=()", " ", ","]),
)
def test_a_signature_that_is_read_in_one_step_is_the_one_the_long_way_reads(
    label: str, covered: str, parameters: str, other: str, sent: str, tail: str
) -> None:
    signature_input, signature = f"{label}={covered}{parameters}{tail}".encode(), f"{other}={sent}".encode()
    quick = _read(signature_input, signature, several=False)
    if quick is not None:
        assert quick == _read(signature_input, signature, several=True)


def test_the_one_step_is_taken_for_what_clients_send() -> None:
    request = dict(signed(message()).headers)
    assert _parse_alone(request[b"signature-input"], request[b"signature"], ()) is not None


@pytest.mark.parametrize("spelling", ['( "@method"   "@path" )', '("@method" "@path")'])
@pytest.mark.parametrize(
    "parameters",
    ['; created=01700000000;  keyid="k1"', ';created=1700000000;keyid="k1";x', ';created=1700000000;keyid="k1";x=?1'],
)
def test_the_base_has_the_one_spelling_whatever_the_field_has(spelling: str, parameters: str) -> None:
    # A proxy may write a structured field anew (RFC 9421 section 2.3), so the spelling is not what is signed.
    request = resigned(message(), '("@method" "@path")', parameters)
    rewritten = [
        (name, value if name != b"signature-input" else f"sig1={spelling}{parameters}".encode())
        for name, value in request.headers
    ]
    assert verified(changed(request, headers=rewritten), profile=ANY)


def test_what_is_compiled_is_kept_and_bounded() -> None:
    assert compile_components('("@method")') is compile_components('("@method")')
    long = '("x-%s")' % ("a" * 200)
    many = "(" + " ".join(f'"x-{"a" * 100}{number}"' for number in range(20)) + ")"
    assert compile_components(long) is compile_components(long)
    assert compile_components(many) is not compile_components(many)


def test_a_field_that_repeats_is_joined_and_so_is_no_way_to_hide_one() -> None:
    request = signed(message())
    doubled = [*request.headers, next(header for header in request.headers if header[0] == b"signature")]
    with pytest.raises(Rejected) as raised:
        verified(changed(request, headers=doubled))
    assert raised.value.code == "signature_malformed"

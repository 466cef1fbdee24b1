"""Header fields under a signature: what proxies may do changes nothing, and no byte gets in unseen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.signed import NOW, changed, message, refused, resigned, signed, value, verified

from doorward.errors import Rejected
from doorward.methods.signature import PROFILES, CoverageProfile, components
from doorward.methods.signature.base import build_base, compile_components
from doorward.methods.signature.config import STRUCTURED_BYTES_MAX
from doorward.wire.request import Header
from doorward.wire.structured import Member, scan_dictionary

ANY = PROFILES["danger-any"]


@pytest.mark.parametrize(
    ("lines", "combined"),
    [
        ([b"a"], "a"),
        ([b" \t a\t "], "a"),
        ([b"a", b"b"], "a, b"),
        ([b" a ", b"\tb"], "a, b"),
        ([b""], ""),
        ([b"", b""], ", "),
        ([b"a, b", b"c"], "a, b, c"),
        ([b"Obsolete\r\n    line folding."], "Obsolete line folding."),
        ([b"a \n\t b\r\n c"], "a b c"),
        ([b"a\tb  c"], "a\tb  c"),
    ],
)
def test_lines_are_trimmed_unfolded_and_joined(lines: list[bytes], combined: str) -> None:
    request = message(*((b"x-id", line) for line in lines))
    assert value(request, '"x-id"') == combined


def _base(*headers: Header, component: str = '"x-id"') -> bytes:
    return build_base(compile_components(f"({component})"), ";created=1", message(*headers))


@pytest.mark.parametrize("line", [b"a\nb", b"a\r\nb", b"a\r", b"a\0b", b"\xc3\xa9", b"a\x7fb", b'a\n"@method": GET'])
def test_a_value_cannot_bring_a_line_of_its_own_or_a_byte_that_is_not_ascii(line: bytes) -> None:
    with pytest.raises(Rejected) as raised:
        _base((b"x-id", line))
    assert raised.value.code == "signature_component"


def test_any_bytes_can_be_covered_when_they_are_wrapped() -> None:
    base = _base((b"x-id", b" caf\xc3\xa9 "), (b"x-id", b"b, c"), component='"x-id";bs')
    assert base == b'"x-id";bs: :Y2Fmw6k=:, :YiwgYw==:\n"@signature-params": ("x-id";bs);created=1'


def test_wrapped_lines_are_told_from_one_line_with_a_comma() -> None:
    # RFC 9421 section 2.1.3: what `;bs` is for.
    two = _base((b"x-id", b"value, with, lots"), (b"x-id", b"of, commas"), component='"x-id";bs')
    one = _base((b"x-id", b"value, with, lots, of, commas"), component='"x-id";bs')
    assert two != one
    assert _base((b"x-id", b"a"), (b"x-id", b"b")) == _base((b"x-id", b"a, b"))


@pytest.mark.parametrize(
    ("component", "line", "spelled"),
    [
        ('"example-dict";key="a"', b"a=1, b=2;x=1;y=2, c=(a b c), d", "1"),
        ('"example-dict";key="b"', b"a=1, b=2;x=1;y=2, c=(a b c), d", "2;x=1;y=2"),
        ('"example-dict";key="c"', b"a=1, b=2;x=1;y=2, c=(a   b   c), d", "(a b c)"),
        ('"example-dict";key="d"', b"a=1, b=2;x=1;y=2, c=(a b c), d", "?1"),
        ('"priority";sf', b"u=1,   i", "u=1, i"),
        ('"priority";sf', b"i=?1, u=1", "i, u=1"),
        ('"cache-status";sf', b"a;hit ,b", "a;hit, b"),
        ('"idempotency-key";sf', b'"a";  x=01', '"a";x=1'),
        ('"priority";sf;key="u"', b"u=1, i", "1"),
    ],
)
def test_structured_fields_are_written_anew(component: str, line: bytes, spelled: str) -> None:
    name = component.split('"')[1].encode()
    assert value(message((name, line)), component) == spelled


@pytest.mark.parametrize(
    ("component", "line"),
    [
        ('"example-dict";key="z"', b"a=1"),
        ('"example-dict";key="a"', b"a="),
        ('"priority";sf', b"u=1,"),
        ('"x";key="a"', None),
    ],
)
def test_a_member_that_is_not_there_cannot_be_covered(component: str, line: bytes | None) -> None:
    name = component.split('"')[1].encode()
    assert refused(message(*([(name, line)] if line is not None else [])), component)


@pytest.mark.parametrize(
    ("component", "line"),
    [
        ('"x-role";key="a"', b"a=admin, a=user"),
        ('"x-role";key="b"', b"a=1, b=2, a=3"),
        ('"x-role";key="a"', b"a=1;to=me;to=you"),
        ('"x-role";key="a"', b"a=(1;to=me;to=you)"),
        ('"priority";sf', b"u=7, u=1"),
        ('"priority";sf', b"u=1;a=1;a=2"),
        ('"cache-status";sf', b"hit;ttl=1;ttl=2"),
        ('"cache-status";sf', b"(hit;ttl=1;ttl=2)"),
        ('"idempotency-key";sf', b'"a";b=1;b=2'),
    ],
)
def test_what_is_taken_apart_has_no_key_twice(component: str, line: bytes) -> None:
    # The base would hold the last alone, and whoever reads the first takes it for signed.
    name = component.split('"')[1].encode()
    assert refused(message((name, line)), component)
    lines = [(name, piece) for piece in line.split(b", ")]
    assert refused(message(*lines), component)


def _large(members: int) -> bytes:
    return b", ".join(b"k%d=(%s)" % (number, b" ".join([b"1"] * 250)) for number in range(members))


def test_a_field_is_taken_apart_once_however_many_of_its_members_are_covered(monkeypatch: pytest.MonkeyPatch) -> None:
    scanned: list[int] = []

    def counted(field: bytes) -> list[Member]:
        scanned.append(len(field))
        return scan_dictionary(field)

    monkeypatch.setattr(components, "scan_dictionary", counted)
    listed = " ".join(f'"x-d";key="k{number}"' for number in range(16))
    covered = f"({listed})"
    line = _large(16)
    base = build_base(compile_components(covered), ";created=1", message((b"x-d", line)))
    assert base.count(b"(1 1 ") == 16
    assert scanned == [len(line)]


@pytest.mark.parametrize("component", ['"priority";key="k0"', '"priority";sf'])
def test_what_anybody_may_have_taken_apart_has_a_length(component: str) -> None:
    longest = b"k0;" + b"b" * (STRUCTURED_BYTES_MAX - 3)
    assert len(longest) == STRUCTURED_BYTES_MAX
    assert value(message((b"priority", longest)), component)
    assert refused(message((b"priority", longest + b"b")), component)


def test_all_that_is_taken_apart_has_a_length_together() -> None:
    half = b"a;" + b"b" * (STRUCTURED_BYTES_MAX // 2)
    headers = [(b"x-%d" % number, half) for number in range(2)]
    covered = compile_components('("x-0";key="a" "x-1";key="a")')
    with pytest.raises(Rejected) as raised:
        build_base(covered, ";created=1", message(*headers))
    assert raised.value.code == "signature_component"


def test_a_deployment_may_say_of_what_kind_its_own_fields_are() -> None:
    profile = CoverageProfile(
        name="ours",
        components=frozenset({'"x-list";sf'}),
        parameters=frozenset(),
        structured_fields=(("x-list", "list"),),
    )
    request = signed(message((b"x-list", b"a,   b")), profile=profile)
    tidied = [(name, b"a, b") if name == b"x-list" else (name, value) for name, value in request.headers]
    assert verified(changed(request, headers=tidied), profile=profile)
    with pytest.raises(Rejected):
        verified(request)


@pytest.mark.parametrize(
    "component", ['"x-id"', '"x-id";bs', '"x-id";key="a"', '"content-digest"', '"content-digest";sf']
)
def test_a_field_that_is_not_there_cannot_be_covered(component: str) -> None:
    assert refused(message(), component)


def test_an_alias_with_underscores_is_no_field_and_is_refused_beside_one() -> None:
    alias = b"x_user"
    assert refused(message((alias, b"mallory")), '"x-user"')
    request = resigned(message((b"x-user", b"alice")), '("x-user")', f';created={NOW};keyid="k1"')
    assert verified(request, profile=ANY)
    # A server after the manner of CGI would give the application one of the two.
    with pytest.raises(Rejected) as raised:
        verified(changed(request, headers=(*request.headers, (alias, b"mallory"))), profile=ANY)
    assert raised.value.code == "signature_component"
    # Where it is nobody's alias it is nobody's business.
    assert verified(changed(request, headers=(*request.headers, (b"y_user", b"mallory"))), profile=ANY)


_named = st.text(st.sampled_from("ab-"), min_size=1, max_size=8).filter(lambda name: set(name) != {"-"})


@given(_named, st.lists(st.text(st.sampled_from("ab-_"), min_size=1, max_size=8), max_size=2), st.data())
def test_an_alias_of_any_spelling_is_refused(covered: str, beside: list[str], data: st.DataObject) -> None:
    spelled = "".join(data.draw(st.sampled_from("-_")) if octet == "-" else octet for octet in covered)
    names = {name.encode() for name in [*beside, spelled]}
    sent = [(covered.encode(), b"alice"), *((name, b"mallory") for name in names if name != covered.encode())]
    has_alias = any(b"_" in name and name.replace(b"_", b"-") == covered.encode() for name, _ in sent)
    compiled = compile_components(f'("{covered}")')
    for headers in (sent, [*sent, (b"host", b"a"), (b"host", b"b")]):
        try:
            build_base(compiled, "", message(*headers))
        except Rejected as error:
            assert (error.code, has_alias) == ("signature_component", True)  # noqa: PT017  # refused or not
        else:
            assert not has_alias


@pytest.mark.parametrize("alias", [b"x_user-id", b"x-user_id", b"x_user_id", b"x-a_b-c-d-e", b"x_a_b_c_d_e"])
def test_an_alias_may_keep_some_of_its_dashes(alias: bytes) -> None:
    name = alias.replace(b"_", b"-")
    compiled = compile_components(f'("{name.decode()}")')
    assert build_base(compiled, "", message((name, b"alice")))
    with pytest.raises(Rejected):
        build_base(compiled, "", message((name, b"alice"), (alias, b"mallory")))

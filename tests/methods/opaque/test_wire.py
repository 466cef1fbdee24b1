"""Where an opaque token is looked for, and which value is one."""

import pytest
from tests.simulators.request import view_of

from doorward.errors import Misconfigured, Rejected
from doorward.methods.opaque.config import TOKEN_CHARACTERS_MAX, OpaqueConfig
from doorward.methods.opaque.wire import AnyTokenReader, OpaqueReader, PresentedToken, TokenReader

TAIL = "a1B2c3D4e5F6" + "s" * 32 + "000000"
TOKEN = f"dw_token_{TAIL}"


def _find(reader: TokenReader, value: str, target: bytes = b"/") -> PresentedToken | None:
    return reader.extract(view_of((b"authorization", value.encode("latin-1")), target=target))


def _code(reader: TokenReader, value: str, target: bytes = b"/") -> str:
    with pytest.raises(Rejected) as caught:
        _find(reader, value, target)
    return caught.value.code


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", f"BEARER {TOKEN}"])
def test_a_token_is_found_under_bearer(value: str) -> None:
    found = _find(OpaqueReader("dw"), value)
    assert found is not None
    assert (found.lookup_id, found.secret) == ("a1B2c3D4e5F6", TOKEN.encode())
    assert found.is_bearer(value.encode())
    assert not found.is_bearer(value.encode() + b"x")


@pytest.mark.parametrize(
    "value",
    [f"Basic {TOKEN}", f"Bearer dw_live_{TAIL}", f"Bearer ab_token_{TAIL}", "Bearer eyJ.eyJ.sig", f"DPoP {TOKEN}"],
)
def test_what_is_another_methods_is_left_to_it(value: str) -> None:
    assert _find(OpaqueReader("dw"), value) is None


@pytest.mark.parametrize(
    "token", [TOKEN[:-1], TOKEN + "0", "dw_token_", TOKEN[:-1] + "_", TOKEN[:-1] + "\xe9", f"{TOKEN} x"]
)
def test_what_only_begins_like_a_token_is_malformed(token: str) -> None:
    assert _code(OpaqueReader("dw"), f"Bearer {token}") == "credential_malformed"


@pytest.mark.parametrize(
    "target",
    [
        f"/?t={TOKEN}".encode(),
        b"/?access_token=x",
        b"/?a=b&ACCESS_TOKEN=x",
        b"/?access%5Ftoken=x",
        f"/?t={TOKEN.replace('_', '%5f')}".encode(),
    ],
)
@pytest.mark.parametrize("reader", [OpaqueReader("dw"), AnyTokenReader()], ids=["ours", "any"])
def test_a_token_in_the_query_is_refused(target: bytes, reader: TokenReader) -> None:
    assert _code(reader, f"Bearer {TOKEN}", target) == "credential_in_query"


def test_a_token_twice_is_refused() -> None:
    header = (b"authorization", b"Bearer " + TOKEN.encode())
    with pytest.raises(Rejected, match="header_repeated"):
        OpaqueReader("dw").extract(view_of(header, header))


@pytest.mark.parametrize("token", ["x", "abc-_~+/123==", "a" * TOKEN_CHARACTERS_MAX])
def test_any_bearer_value_may_be_somebody_elses_token(token: str) -> None:
    found = _find(AnyTokenReader(), f"Bearer {token}")
    assert found is not None
    assert found.secret == token.encode()
    assert len(found.lookup_id) == 64


@pytest.mark.parametrize("token", ["eyJ.eyJ.sig", f"dw_live_{TAIL}", TOKEN, f"xy_pass_{TAIL}"])
def test_but_no_signed_token_and_no_other_secret_of_ours(token: str) -> None:
    # It would be handed to a stranger over the network.
    assert _find(AnyTokenReader(), f"Bearer {token}") is None


@pytest.mark.parametrize("token", ["a" * (TOKEN_CHARACTERS_MAX + 1), "a b", 'a"b', "=", "a=b", "a,b"])
def test_what_is_no_bearer_token_is_malformed(token: str) -> None:
    assert _code(AnyTokenReader(), f"Bearer {token}") == "credential_malformed"


def test_two_tokens_never_share_an_id() -> None:
    first, second = (_find(AnyTokenReader(), f"Bearer {'a' * 4000}{end}") for end in "xy")
    assert first is not None
    assert second is not None
    assert first.lookup_id != second.lookup_id


@pytest.mark.parametrize("audiences", [(), ("",), ("a b",), tuple("abcdefghi")])
def test_a_door_must_say_which_resource_it_is(audiences: tuple[str, ...]) -> None:
    with pytest.raises(Misconfigured, match="audience"):
        OpaqueConfig(audiences=audiences)


def test_a_prefix_is_of_the_form() -> None:
    with pytest.raises(Misconfigured, match="prefix"):
        OpaqueConfig(audiences=("a",), prefix="D_")

"""How a token travels, and what is refused before it is looked at."""

from hashlib import sha256

import msgspec
import pytest
from tests.simulators.issuer import SimulatedIssuer
from tests.simulators.request import view_of

from doorward.errors import Rejected
from doorward.methods.bearer import BearerTokens
from doorward.methods.bearer.wire import PresentedToken, extract_token
from doorward.wire.request import Header, RequestView

TOKEN = SimulatedIssuer().issue()
KEY = b"dw_live_" + b"a" * 50


def _outcome(view: RequestView) -> PresentedToken | str | None:
    try:
        return extract_token(view)
    except Rejected as refused:
        return refused.code


def _extract(*headers: Header, target: bytes = b"/orders") -> PresentedToken | str | None:
    view = view_of(*headers, target=target)
    outcome = _outcome(view)
    assert outcome == _outcome(msgspec.structs.replace(view, by_name=None))
    return outcome


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER  ", b"Bearer   "])
def test_a_token_is_a_bearer_value_with_a_dot(scheme: bytes) -> None:
    presented = _extract((b"authorization", scheme + TOKEN))
    assert isinstance(presented, PresentedToken)
    assert presented.secret == TOKEN
    assert presented.lookup_id == sha256(TOKEN).hexdigest()
    assert presented.is_bearer(scheme + TOKEN)
    assert not presented.is_bearer(scheme + TOKEN + b".")
    assert TOKEN.decode() not in repr(presented)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        ((b"authorization", b"Bearer " + KEY),),
        ((b"authorization", b"Basic YTpi"),),
        ((b"authorization", b"Basic a.b"),),
        ((b"authorization", b"Api-Key a.b.c"),),
        ((b"x-api-key", TOKEN),),
        ((b"cookie", b"access_token=" + TOKEN),),
    ],
)
def test_anything_else_is_somebody_elses(headers: tuple[Header, ...]) -> None:
    assert _extract(*headers) is None


@pytest.mark.parametrize(
    "value", [b"Bearer " + TOKEN + b" ", b"Bearer " + TOKEN + b"\xc3\xa9", b"Bearer " + b"a." * 4_097]
)
def test_a_bearer_value_that_is_no_header_of_rfc_6750_is_malformed(value: bytes) -> None:
    assert _extract((b"authorization", value)) == "credential_malformed"


@pytest.mark.parametrize("tail", [b" " + TOKEN, b"\x01", b"\x00", b"\t", b","])
async def test_what_else_is_in_a_bearer_value_is_part_of_the_token(tail: bytes) -> None:
    presented = _extract((b"authorization", b"Bearer " + TOKEN + tail))
    if isinstance(presented, PresentedToken):
        assert presented.secret == TOKEN + tail
        method = BearerTokens(SimulatedIssuer().policy())
        with pytest.raises(Rejected, match="token_malformed"):
            await method.load(presented)
    else:
        assert presented == "credential_malformed"


def test_a_tab_is_no_space_and_a_longer_scheme_another() -> None:
    assert _extract((b"authorization", b"Bearer\t" + TOKEN)) in {None, "credential_malformed"}
    assert _extract((b"authorization", b"Bearerx " + TOKEN)) is None


def test_the_header_comes_once() -> None:
    header = (b"authorization", b"Bearer " + TOKEN)
    assert _extract(header, header) == "header_repeated"


@pytest.mark.parametrize(
    "query", [b"access_token=", b"a=b&access_token=", b"a=b;Access_Token=", b"%61ccess_token=", b"access%5Ftoken="]
)
def test_a_token_in_the_url_is_refused_whatever_else_came(query: bytes) -> None:
    target = b"/orders?" + query + TOKEN
    assert _extract(target=target) == "credential_in_query"
    assert _extract((b"authorization", b"Bearer " + TOKEN), target=target) == "credential_in_query"


def test_other_parameters_are_no_reason() -> None:
    assert _extract(target=b"/orders?id_token_hint=" + TOKEN + b"&xaccess_token=1&access_tokens=2") is None

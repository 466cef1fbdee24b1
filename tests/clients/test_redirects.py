"""No credential follows a redirect to another origin, and no signature follows any. Over real servers."""

from hashlib import sha256
from typing import Any, Final

import pytest
from tests.clients.conftest import Keeper, Received
from tests.clients.libraries import Library

from doorward.wire.credential import mint_credential_text

pytestmark = pytest.mark.slow

KEY: Final = mint_credential_text(prefix="dw", label="live", entropy=lambda n: bytes(range(n))).text
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY: Final = b'{"amount":100}'
AUTHS: Final[dict[str, tuple[Any, ...]]] = {
    "ApiKeyAuth": (KEY,),
    "BasicAuth": ("app_1", "dw_pass_x"),
    "BearerAuth": ("a.b.c",),
    "SignatureAuth": (sha256(b"shop").digest(), "shop"),
    "WebhookAuth": ("standard", SECRET),
}
CARRIERS: Final = ("authorization", "signature", "signature-input", "webhook-signature")


def _carried(received: Received) -> list[str]:
    return [name for name in CARRIERS if received.value(name) is not None]


def _post(library: Library, kind: str, url: str) -> int:
    return library.send(library.auth(kind, *AUTHS[kind]), "POST", url, BODY, {"content-type": "application/json"})


@pytest.mark.parametrize("code", [302, 303, 307, 308])
@pytest.mark.parametrize("kind", AUTHS)
def test_nothing_goes_to_another_origin(
    library: Library, kind: str, code: int, keeper: Keeper, elsewhere: Keeper
) -> None:
    assert _post(library, kind, f"{keeper.url}/to?{code}={elsewhere.url}/orders") == 200
    assert _carried(keeper.requests[0]) != []
    assert [_carried(received) for received in elsewhere.requests] == [[]]


@pytest.mark.parametrize("kind", AUTHS)
def test_nothing_comes_back_by_way_of_another_origin(
    library: Library, kind: str, keeper: Keeper, elsewhere: Keeper
) -> None:
    back = f"{elsewhere.url}/to?307={keeper.url}/orders"
    assert _post(library, kind, f"{keeper.url}/to?307={back}") == 200
    assert [_carried(received) for received in elsewhere.requests] == [[]]
    assert _carried(keeper.requests[-1]) == []


@pytest.mark.parametrize("kind", ["ApiKeyAuth", "BasicAuth", "BearerAuth"])
def test_within_the_origin_a_key_goes_along(library: Library, kind: str, keeper: Keeper) -> None:
    assert _post(library, kind, f"{keeper.url}/to?307=/orders") == 200
    assert [_carried(received) for received in keeper.requests] == [["authorization"]] * 2


@pytest.mark.parametrize("kind", ["SignatureAuth", "WebhookAuth"])
def test_a_signature_is_for_one_url(library: Library, kind: str, keeper: Keeper) -> None:
    assert _post(library, kind, f"{keeper.url}/to?307=/orders") == 200
    assert _carried(keeper.requests[0]) != []
    assert _carried(keeper.requests[1]) == []


def test_what_another_origin_says_of_no_token_renews_none(library: Library, keeper: Keeper, elsewhere: Keeper) -> None:
    asked: list[int] = []

    def get() -> str:
        asked.append(1)
        return f"t{len(asked)}"

    auth = library.auth("BearerAuth", library.source(get))
    assert library.send(auth, "GET", f"{keeper.url}/to?302={elsewhere.url}/401") == 401
    assert (len(asked), len(keeper.requests), len(elsewhere.requests)) == (1, 1, 1)


def test_a_renewed_token_is_the_one_that_follows_a_redirect(library: Library, keeper: Keeper) -> None:
    keeper.refused.add("Bearer t1")
    given = iter(["t1", "t2"])
    auth = library.auth("BearerAuth", library.source(lambda: next(given)))
    assert library.send(auth, "GET", f"{keeper.url}/login") == 200
    assert [received.value("authorization") for received in keeper.requests] == ["Bearer t1", "Bearer t2", "Bearer t2"]

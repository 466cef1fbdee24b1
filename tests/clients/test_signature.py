"""Signed requests from every library, verified as they arrive at a real server."""

import io
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.clients.conftest import Keeper, Received
from tests.clients.libraries import Library

from doorward.clients import content_digest_of
from doorward.clients.body import BUFFERED_BODY_BYTES_MAX
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import Misconfigured
from doorward.methods.signature import PROFILES, CoverageProfile, VerifiedSignature, verify_request

pytestmark = pytest.mark.slow

SECRET: Final = bytes((7 + place * 37) % 256 for place in range(32))
KEYS: Final = {"shop": SignatureKey(SignatureAlgorithm.HMAC_SHA256, SECRET)}
JSON: Final = {"content-type": "application/json"}
JWK: Final = json.dumps({"kty": "oct", "kid": "shop", "k": "ByxRdpvA5QovVHmew-gNMld8ocbrEDVaf6TJ7hM4XYI"})
TARGETS: Final = [
    "/", "/orders", "/orders?", "/orders?id=7&id=8", "/a//b", "//a/b", "/a%2Fb", "/a%2fb", "/a%20b?q=%C3%A4",
    "/a?b=c+d", "/a;b=c", "/~x", "/a/../b", "/a/./b", "/a?x=%", "/a?x=[1]", "/ä?ö=ü", "/a#part",
]  # fmt: skip


def verify(received: Received, profile: CoverageProfile = PROFILES["default"]) -> VerifiedSignature:
    """What has been proven, body included."""
    verified = verify_request(received.message(), KEYS, profile, int(time.time()))
    assert verified is not None
    check = verified.body()
    if check is not None:
        check.update(received.body)
        check.verify_end()
    return verified


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_signed_is_what_arrives(library: Library, target: str, keeper: Keeper) -> None:
    auth = library.auth("SignatureAuth", SECRET, "shop")
    assert library.send(auth, "GET", keeper.url + target) == 200
    assert verify(keeper.requests[0]).key_id == "shop"


@pytest.mark.parametrize("body", [b'{"amount":100}', b"", "ä€".encode(), bytes(range(256)) * 1000, "ä€"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_the_body_is_the_one_that_was_signed(library: Library, method: str, body: Any, keeper: Keeper) -> None:
    auth = library.auth("SignatureAuth", JWK, more_components=['"x-id"'], lifetime_s=60)
    library.send(auth, method, f"{keeper.url}/orders", body, {**JSON, "x-id": "7"})
    verified = verify(keeper.requests[0])
    assert '"x-id"' in verified.covered
    assert ('"content-digest"' in verified.covered) is bool(body)


def test_each_request_has_a_nonce_of_its_own(library: Library, keeper: Keeper) -> None:
    auth = library.auth("SignatureAuth", SECRET, "shop")
    for _ in range(3):
        library.send(auth, "GET", keeper.url)
    assert len({verify(received).signature.said.nonce for received in keeper.requests}) == 3


def test_profiles_go_by_name(library: Library, keeper: Keeper) -> None:
    auth = library.auth("SignatureAuth", SECRET, "shop", profile="web-bot-auth", label="bot")
    library.send(auth, "GET", keeper.url)
    assert verify(keeper.requests[0], PROFILES["web-bot-auth"]).signature.label == "bot"


def test_a_host_of_ones_own_is_what_is_signed(library: Library, keeper: Keeper) -> None:
    library.send(library.auth("SignatureAuth", SECRET, "shop"), "GET", keeper.url, None, {"host": "api.example"})
    assert keeper.requests[0].value("host") == "api.example"
    verify(keeper.requests[0])


def _stream(library: Library, pieces: list[bytes]) -> Iterator[bytes] | AsyncIterator[bytes]:
    async def pieces_async() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return pieces_async() if library.is_async else iter(pieces)


def test_a_stream_is_refused_unless_its_digest_is_said(library: Library, keeper: Keeper) -> None:
    auth = library.auth("SignatureAuth", SECRET, "shop")
    with pytest.raises(Misconfigured, match=r"streamed.*content_digest_of"):
        library.send(auth, "POST", keeper.url, _stream(library, [b"a", b"b"]), JSON)
    assert keeper.requests == []
    said = {**JSON, "content-digest": content_digest_of(io.BytesIO(b"ab"))}
    assert library.send(auth, "POST", keeper.url, _stream(library, [b"a", b"b"]), said) == 200
    assert verify(keeper.requests[0]).key_id == "shop"
    assert keeper.requests[0].body == b"ab"


def test_a_stream_of_a_known_length_is_read_up_to_a_limit(library: Library, keeper: Keeper) -> None:
    auth = library.auth("SignatureAuth", SECRET, "shop")
    if library.name != "requests":  # which sends every iterator in chunks, whatever its headers say
        library.send(auth, "POST", keeper.url, _stream(library, [b"a", b"b"]), {**JSON, "content-length": "2"})
        assert verify(keeper.requests[0]).key_id == "shop"
    long = {**JSON, "content-length": str(BUFFERED_BODY_BYTES_MAX + 1)}
    with pytest.raises(Misconfigured, match="streamed"):
        library.send(auth, "POST", keeper.url, _stream(library, [b"a"]), long)


def test_a_form_with_files_is_read_and_signed(library: Library, keeper: Keeper) -> None:
    library.upload(library.auth("SignatureAuth", SECRET, "shop"), keeper.url)
    assert verify(keeper.requests[0]).key_id == "shop"
    assert b"content" in keeper.requests[0].body


def test_a_file_is_digested_first_and_then_sent(keeper: Keeper, tmp_path: Path) -> None:
    library = Library("requests")
    path = tmp_path / "file"
    path.write_bytes(b"skipped" + bytes(3_000_000))
    with path.open("rb") as file:
        file.seek(7)
        library.send(library.auth("SignatureAuth", SECRET, "shop"), "POST", keeper.url, file, JSON)
    assert verify(keeper.requests[0]).key_id == "shop"
    assert keeper.requests[0].body == bytes(3_000_000)
    with pytest.raises(Misconfigured, match="text"):
        library.send(library.auth("SignatureAuth", SECRET, "shop"), "POST", keeper.url, io.StringIO("text"), JSON)


def test_what_must_be_signed_and_is_not_there_is_named(library: Library, keeper: Keeper) -> None:
    auth = library.auth("SignatureAuth", SECRET, "shop")
    with pytest.raises(Misconfigured, match=r"content-type is not there.*Content-Type"):
        library.send(auth, "POST", keeper.url, b"body")
    assert keeper.requests == []


def test_a_digest_that_does_not_fit_is_not_sent(library: Library, keeper: Keeper) -> None:
    said = {**JSON, "content-digest": content_digest_of(io.BytesIO(b"other"))}
    with pytest.raises(Misconfigured, match="cannot be signed"):
        library.send(library.auth("SignatureAuth", SECRET, "shop"), "POST", keeper.url, b"body", said)


@pytest.mark.parametrize(
    ("key", "key_id", "said", "what"),
    [
        (SECRET, None, {}, "needs an id"),
        (SECRET, "ä", {}, "needs an id"),
        (b"short", "shop", {}, "24 to"),
        ("garbled", None, {}, "neither a JWK nor PEM"),
        ('{"keys":[]}', None, {}, "0 keys"),
        (SECRET, "shop", {"profile": "none"}, "no profile"),
    ],
)
def test_a_key_that_cannot_sign_is_said_at_once(
    library: Library, key: Any, key_id: str | None, said: dict[str, Any], what: str
) -> None:
    with pytest.raises(Misconfigured, match=what) as caught:
        library.auth("SignatureAuth", key, key_id, **said)
    assert "garbled" not in str(caught.value)


def test_what_is_seen_of_an_auth_is_the_id(library: Library) -> None:
    signer = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, SECRET)
    assert repr(library.auth("SignatureAuth", signer, "shop")) == (
        "SignatureAuth(RequestSigning('shop', profile='default'))"
    )

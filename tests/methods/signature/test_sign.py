"""Signing: what the profile demands is covered, and nothing is signed that does not hold."""

import secrets

import pytest
from tests.simulators.signed import BODY, NOW, SIGNER, changed, message, signed, verified

from doorward.errors import Rejected
from doorward.methods.signature import DEFAULT_PROFILE, PROFILES, content_digest, parse_signatures, sign_request


def test_a_request_with_a_body_gets_a_digest_and_both_fields() -> None:
    headers = dict(
        sign_request(message(body=BODY), SIGNER, key_id="k1", created=NOW, entropy=secrets.token_bytes, body=BODY)
    )
    assert list(headers) == [b"content-digest", b"signature-input", b"signature"]
    assert headers[b"signature-input"].startswith(
        b'sig1=("@method" "@authority" "@path" "@query" "content-type" "content-digest");created=1700000000;keyid="k1"'
    )


def test_a_request_without_one_gets_none() -> None:
    assert [name for name, _ in signed(message()).headers] == [b"signature-input", b"signature"]


def test_a_digest_that_is_there_is_kept_if_it_fits() -> None:
    digest = (b"content-digest", b"sha-512=:" + b"A" * 86 + b"==:")
    with pytest.raises(Rejected) as raised:
        signed(message(digest, body=BODY), body=BODY)
    assert raised.value.code == "signature_digest"


def test_a_streamed_body_needs_a_digest_that_is_said() -> None:
    with pytest.raises(Rejected) as raised:
        sign_request(message(body=BODY), SIGNER, key_id="k1", created=NOW, entropy=secrets.token_bytes, body=None)
    assert raised.value.code == "signature_component"
    said = message((b"content-digest", content_digest(BODY)), body=BODY)
    headers = sign_request(said, SIGNER, key_id="k1", created=NOW, entropy=secrets.token_bytes, body=None)
    assert [name for name, _ in headers] == [b"signature-input", b"signature"]


def test_what_must_be_covered_must_be_there() -> None:
    with pytest.raises(Rejected) as raised:
        signed(message(), body=BODY)
    assert raised.value.code == "signature_component"


def test_a_body_that_is_announced_is_covered_though_it_is_empty() -> None:
    request = signed(message((b"transfer-encoding", b"chunked"), (b"content-type", b"text/plain")))
    assert verified(request, body=b"")


@pytest.mark.parametrize("name", PROFILES)
def test_what_a_profile_signs_it_admits(name: str) -> None:
    profile = PROFILES[name]
    request = signed(message(body=BODY), body=BODY, profile=profile, lifetime_s=60)
    found = verified(request, profile=profile)
    assert found is not None
    assert found.signature.said.expires == NOW + 60
    assert found.signature.said.tag == profile.tag


def test_more_can_be_covered() -> None:
    request = signed(message((b"x-id", b"7")), more_components=['"x-id"', '"@query-param";name="id"', '"@scheme"'])
    found = verified(request)
    assert found is not None
    assert found.covered == DEFAULT_PROFILE.components | {'"x-id"', '"@query-param";name="id"', '"@scheme"'}
    with pytest.raises(Rejected):
        verified(changed(request, headers=[(b"x-id", b"8"), *request.headers[1:]]))


def test_a_second_signature_has_a_name_of_its_own() -> None:
    request = signed(message())
    with pytest.raises(Rejected):
        signed(request)
    twice = signed(request, label="sig2", key_id="k2")
    assert [one.label for one in parse_signatures(twice) or ()] == ["sig1", "sig2"]
    assert verified(twice)


@pytest.mark.parametrize("label", ["", "Sig", "a b", "1a"])
def test_a_label_that_is_no_key_is_refused(label: str) -> None:
    with pytest.raises(Rejected):
        signed(message(), label=label)


@pytest.mark.parametrize("key_id", ["k\n", "é"])
def test_a_key_id_that_no_field_can_hold_is_refused(key_id: str) -> None:
    with pytest.raises(Rejected):
        signed(message(), key_id=key_id)


def test_no_two_nonces_are_the_same() -> None:
    nonces = {
        one.said.nonce
        for _ in range(50)
        for one in parse_signatures(signed(message(), entropy=secrets.token_bytes)) or ()
    }
    assert len(nonces) == 50

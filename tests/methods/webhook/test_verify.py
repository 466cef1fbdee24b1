"""What a signature proves, for every scheme: these bytes, this sender, this time; and once."""

import base64
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.simulators.webhook import NOW, SCHEME_NAMES, URL, Delivery, deliver, lower, secret_text

from doorward.crypto.ed25519 import Ed25519Signer
from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import (
    SCHEMES,
    Encoding,
    SecretForm,
    VerifiedDelivery,
    parse_secret,
    plain_scheme,
    sign_delivery,
    verify_delivery,
)
from doorward.methods.webhook.config import SECRETS_MAX, TOLERANCE_S_MAX, UNDATED_CLAIM_LIFETIME_S
from doorward.methods.webhook.message import form_bytes

_DATED = ("standard", "svix", "stripe", "slack")
_UNDATED = ("github", "shopify", "twilio", "plain")


def _verify(delivery: Delivery, *, now: int = NOW, tolerance_s: int = 300) -> VerifiedDelivery:
    return verify_delivery(
        delivery.scheme,
        [delivery.secret],
        delivery.headers,
        delivery.body,
        now=now,
        url=delivery.url,
        tolerance_s=tolerance_s,
    )


def _code(delivery: Delivery, *, now: int = NOW) -> str:
    with pytest.raises(Rejected) as caught:
        _verify(delivery, now=now)
    return caught.value.code


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_what_was_signed_is_proven_and_by_whom(name: str) -> None:
    verified = _verify(deliver(name))
    assert (verified.scheme, verified.secret_id) == (name, "secret-1")
    assert verified.timestamp == (NOW if name in _DATED else None)
    assert (verified.delivery_id is not None) == (name in {"standard", "svix"})


@given(name=st.sampled_from(SCHEME_NAMES), body=st.binary(max_size=300), at=st.integers(0, 10**10))
def test_whatever_is_signed_verifies(name: str, body: bytes, at: int) -> None:
    if name == "twilio":
        body = urlencode({"From": body.hex(), "To": "x"}).encode()
    assert _verify(deliver(name, body, at=at), now=at).secret_id == "secret-1"


@given(name=st.sampled_from(SCHEME_NAMES), place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_body_fails(name: str, place: int, bit: int) -> None:
    delivery = deliver(name)
    place %= len(delivery.body)
    flipped = delivery.body[:place] + bytes([delivery.body[place] ^ 1 << bit]) + delivery.body[place + 1 :]
    if name != "twilio":
        assert _code(delivery._replace(body=flipped)) == "webhook_signature"
        return
    # What Twilio signs is names and values, so what stands between them is told from them by nobody.
    try:
        _verify(delivery._replace(body=flipped))
    except Rejected as refusal:
        assert refusal.code in {"webhook_signature", "webhook_malformed"}  # noqa: PT017  # either is right
    else:
        assert form_bytes(flipped) == form_bytes(delivery.body)


@given(name=st.sampled_from(SCHEME_NAMES), place=st.integers(0, 1_000), bit=st.integers(0, 6))
def test_any_flipped_bit_of_a_signed_header_fails(name: str, place: int, bit: int) -> None:
    delivery = deliver(name)
    for key, value in delivery.headers:
        at = place % len(value)
        flipped = value[:at] + bytes([value[at] ^ 1 << bit]) + value[at + 1 :]
        with pytest.raises(Rejected):
            _verify(delivery.changed(key.decode(), flipped))


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_another_secret_did_not_sign_it(name: str) -> None:
    delivery = deliver(name)
    other = parse_secret(delivery.scheme, secret_text(delivery.scheme, 2), secret_id="other")
    assert _code(delivery._replace(secret=other)) == "webhook_signature"


@pytest.mark.parametrize("name", _DATED)
@pytest.mark.parametrize(("off_s", "fresh"), [(-300, True), (300, True), (-301, False), (301, False), (0, True)])
def test_a_time_counts_both_ways_to_the_second(name: str, off_s: int, *, fresh: bool) -> None:
    delivery = deliver(name, at=NOW + off_s)
    if fresh:
        assert _verify(delivery).timestamp == NOW + off_s
    else:
        assert _code(delivery) == "webhook_timestamp"


@pytest.mark.parametrize("name", _DATED)
def test_only_who_has_signed_learns_that_the_time_is_wrong(name: str) -> None:
    old = deliver(name, at=NOW - 10_000)
    assert _code(old._replace(body=b"{}")) == "webhook_signature"


def test_the_tolerance_is_settable_and_bounded() -> None:
    delivery = deliver("slack", at=NOW - 1_000)
    assert _verify(delivery, tolerance_s=1_000).claim_lifetime_s == 2_000
    for tolerance_s in (0, -1, TOLERANCE_S_MAX + 1):
        with pytest.raises(Misconfigured):
            _verify(delivery, tolerance_s=tolerance_s)


def test_several_secrets_are_tried_and_the_one_that_matched_is_told() -> None:
    scheme = SCHEMES["github"]
    secrets = [parse_secret(scheme, secret_text(scheme, seed), secret_id=f"s{seed}") for seed in (1, 2, 3)]
    delivery = deliver("github", seed=2)
    assert verify_delivery(scheme, secrets, delivery.headers, delivery.body, now=NOW).secret_id == "s2"


@pytest.mark.parametrize(
    ("not_before", "not_after", "active"),
    [(NOW, None, True), (NOW + 1, None, False), (None, NOW + 1, True), (None, NOW, False), (NOW, NOW + 1, True)],
)
def test_a_secret_counts_from_its_beginning_to_its_end(
    not_before: int | None, not_after: int | None, *, active: bool
) -> None:
    delivery = deliver("github")
    secret = parse_secret(
        delivery.scheme, delivery.text.text, secret_id="s", not_before=not_before, not_after=not_after
    )
    timed = delivery._replace(secret=secret)
    if active:
        assert _verify(timed).secret_id == "s"
    else:
        assert _code(timed) == "webhook_signature"


def test_too_many_active_secrets_are_refused_and_retired_ones_do_not_count() -> None:
    delivery = deliver("github")
    scheme = delivery.scheme
    retired = [
        parse_secret(scheme, secret_text(scheme, seed), secret_id=f"s{seed}", not_after=NOW) for seed in range(30)
    ]
    verify_delivery(scheme, [*retired, delivery.secret], delivery.headers, delivery.body, now=NOW)
    with pytest.raises(Misconfigured):
        verify_delivery(scheme, [delivery.secret] * (SECRETS_MAX + 1), delivery.headers, delivery.body, now=NOW)


def _asymmetric(seed: int) -> tuple[str, str]:
    raw = bytes(range(seed, seed + 32))
    public = Ed25519Signer(raw).public_key
    return "whsk_" + base64.b64encode(raw + public).decode(), "whpk_" + base64.b64encode(public).decode()


@pytest.mark.parametrize("name", ["standard", "svix"])
def test_a_public_key_verifies_what_its_private_key_has_signed(name: str) -> None:
    scheme = SCHEMES[name]
    private, public = _asymmetric(1)
    signer = parse_secret(scheme, private, secret_id="ours")
    headers = lower(sign_delivery(scheme, [signer], b"{}", now=NOW, delivery_id="msg_1"))
    verifier = parse_secret(scheme, public, secret_id="theirs")
    verified = verify_delivery(scheme, [verifier], headers, b"{}", now=NOW)
    assert (verified.secret_id, verified.delivery_id) == ("theirs", "msg_1")
    other = parse_secret(scheme, _asymmetric(2)[1], secret_id="other")
    for secret, body in ((other, b"{}"), (verifier, b"{ }")):
        with pytest.raises(Rejected) as caught:
            verify_delivery(scheme, [secret], headers, body, now=NOW)
        assert caught.value.code == "webhook_signature"


def test_a_public_key_is_never_the_key_of_an_hmac() -> None:
    # Whoever knows the public key, which is everybody, could sign with it.
    scheme = SCHEMES["standard"]
    public = _asymmetric(1)[1]
    forged = deliver(scheme, text="whsec_" + public.removeprefix("whpk_"))
    with pytest.raises(Rejected):
        verify_delivery(scheme, [parse_secret(scheme, public, secret_id="p")], forged.headers, forged.body, now=NOW)


def test_both_kinds_of_signature_may_stand_in_one_header() -> None:
    scheme = SCHEMES["standard"]
    private, public = _asymmetric(1)
    text = secret_text(scheme)
    both = [parse_secret(scheme, private, secret_id="new"), parse_secret(scheme, text, secret_id="old")]
    headers = lower(sign_delivery(scheme, both, b"{}", now=NOW, delivery_id="m"))
    for known, secret_id in ((public, "new"), (text, "old")):
        secret = parse_secret(scheme, known, secret_id=secret_id)
        assert verify_delivery(scheme, [secret], headers, b"{}", now=NOW).secret_id == secret_id


@pytest.mark.parametrize("name", SCHEME_NAMES)
def test_the_same_delivery_has_the_same_claim_and_another_another(name: str) -> None:
    first, other = deliver(name), deliver(name, b"a=1", delivery_id="msg_other")
    assert _verify(first).claim_key == _verify(first).claim_key != _verify(other).claim_key
    assert _verify(first).claim_key.isprintable()
    assert len(_verify(first).claim_key) <= 240


@pytest.mark.parametrize("name", ["github", "shopify", "twilio"])
def test_an_id_that_is_not_signed_is_no_part_of_the_claim(name: str) -> None:
    # Otherwise a replay with another id would be another delivery.
    delivery = deliver(name)
    header = delivery.scheme.id_header
    first, second = (_verify(delivery.changed(header, value)) for value in (b"11", b"22"))
    assert first.claim_key == second.claim_key
    assert (first.unsigned_id, second.unsigned_id) == ("11", "22")
    assert first.delivery_id is None
    for odd in (b"", b"\xff", b"a b", b"x" * 300):
        assert _verify(delivery.changed(header, odd)).unsigned_id is None


def test_a_retry_with_a_new_time_is_the_same_delivery_where_the_id_is_signed() -> None:
    claims = {_verify(deliver("standard", at=NOW + later)).claim_key for later in (0, 60)}
    assert len(claims) == 1


@pytest.mark.parametrize("name", ["standard", "stripe"])
def test_whoever_drops_one_of_two_signatures_has_no_new_delivery(name: str) -> None:
    scheme = SCHEMES[name]
    secrets = [parse_secret(scheme, secret_text(scheme, seed), secret_id=f"s{seed}") for seed in (1, 2)]
    id_ = "m" if scheme.signs_id else None
    signed = [
        lower(sign_delivery(scheme, chosen, b"{}", now=NOW, delivery_id=id_)) for chosen in (secrets, secrets[1:])
    ]
    verified = [verify_delivery(scheme, secrets, headers, b"{}", now=NOW) for headers in signed]
    assert [one.secret_id for one in verified] == ["s1", "s2"]
    assert verified[0].claim_key == verified[1].claim_key


EVENT = b'{\n  "id": "evt_1NG8Du2eZvKYlo2CUI79vXWy",\n  "object": "event",\n  "pending_webhooks": 1\n}'


def test_every_attempt_to_deliver_an_event_of_stripe_is_one_delivery() -> None:
    # Stripe signs each attempt anew, and counts down what is pending in the body.
    first = _verify(deliver("stripe", EVENT, at=NOW - 60))
    again = _verify(deliver("stripe", EVENT.replace(b": 1", b": 0"), at=NOW, seed=2))
    other = _verify(deliver("stripe", EVENT.replace(b"vXWy", b"vXWz"), at=NOW))
    assert first.claim_key == again.claim_key == "stripe id evt_1NG8Du2eZvKYlo2CUI79vXWy" != other.claim_key
    assert first.delivery_id == "evt_1NG8Du2eZvKYlo2CUI79vXWy"


@given(st.sampled_from(["stripe", "slack", "github", "plain"]), st.binary(max_size=60), st.binary(max_size=60))
def test_two_bodies_have_one_claim_only_where_they_are_one_event(name: str, one: bytes, other: bytes) -> None:
    for first, second in ((one, other), (EVENT + one, EVENT + other), (b" " + EVENT, EVENT), (EVENT, b" " + EVENT)):
        claims = {_verify(deliver(name, body)).claim_key for body in (first, second)}
        same_event = name == "stripe" and first.startswith(EVENT) and second.startswith(EVENT)
        assert len(claims) == (1 if first == second or same_event else 2)


def test_a_body_without_an_event_is_told_from_others_by_its_bytes_and_its_time() -> None:
    bodies = [b'{"id":"cus_1"}', b'{"id":"cus_2"}', b"{}"]
    claims = {_verify(deliver("stripe", body, at=NOW + later)).claim_key for body in bodies for later in (0, 1)}
    assert len(claims) == 6
    assert all(claim.startswith("stripe bytes ") for claim in claims)


def test_an_id_in_a_body_that_is_not_signed_is_no_id() -> None:
    with pytest.raises(Misconfigured):
        msgspec.structs.replace(SCHEMES["twilio"], event_id_prefix="evt_")


@pytest.mark.parametrize("name", _UNDATED)
def test_without_a_time_a_claim_is_kept_for_long(name: str) -> None:
    assert _verify(deliver(name)).claim_lifetime_s == UNDATED_CLAIM_LIFETIME_S


@pytest.mark.parametrize("name", _UNDATED)
def test_a_claim_is_no_signature(name: str) -> None:
    delivery = deliver(name)
    claim = _verify(delivery).claim_key
    assert delivery.signature.decode().removeprefix(delivery.scheme.prefix) not in claim


def test_the_wrong_url_was_not_called() -> None:
    delivery = deliver("twilio")
    for url in (URL + "&x=1", URL.replace("https", "http"), URL + "/", ""):
        assert _code(delivery._replace(url=url)) == "webhook_signature"
    with pytest.raises(Misconfigured):
        _verify(delivery._replace(url=None))


def test_a_field_that_comes_twice_would_sign_like_one() -> None:
    delivery = deliver("twilio")
    doubled = delivery._replace(body=delivery.body + b"&" + delivery.body.split(b"&")[0])
    assert _code(doubled) == "webhook_malformed"
    assert _code(delivery._replace(body=b"&".join(b"%d=" % field for field in range(1_001)))) == "webhook_malformed"


def test_a_body_that_is_no_form_must_be_signed_by_its_digest() -> None:
    empty = deliver("twilio", b"")
    smuggled = empty._replace(body=b'{"admin":true}').changed("content-type", b"application/json")
    assert _code(smuggled) == "webhook_malformed"


def test_a_digest_in_the_url_binds_the_body() -> None:
    from hashlib import sha256

    body = b'{"a":1}'
    url = f"{URL}&bodySHA256={sha256(body).hexdigest()}"
    signed = deliver("twilio", body, url=url)
    assert _verify(signed).secret_id == "secret-1"
    assert _code(signed._replace(body=b'{"a":2}')) == "webhook_signature"
    assert _code(signed._replace(body=b"")) == "webhook_signature"


def test_a_form_that_was_signed_is_no_part_of_the_url() -> None:
    from hashlib import sha256

    evil = b'{"Body":"transfer"}'
    claimed = f"bodySHA256={sha256(evil).hexdigest()}"
    # Whoever may write the text of a message writes a parameter into it, and sees the signature of the form.
    form = urlencode({"AccountSid": "AC1", "Body": f"&{claimed}&", "From": "+1"}).encode()
    signed = deliver("twilio", form)
    assert _verify(signed).secret_id == "secret-1"
    moved = signed._replace(body=evil, url=URL + form_bytes(form).decode())
    for content_type in (b"application/json", None, b"application/x-www-form-urlencoded"):
        assert _code(moved.changed("content-type", content_type)) in {"webhook_malformed", "webhook_signature"}
    # In the last value it could pass for the end of the URL: the digest of a form counts for nothing.
    ending = deliver("twilio", urlencode({"Body": f"&{claimed}"}).encode())
    moved = ending._replace(body=evil, url=URL + form_bytes(ending.body).decode())
    assert _code(moved.changed("content-type", b"application/x-www-form-urlencoded")) == "webhook_signature"


def test_the_work_of_signatures_anybody_can_send_is_bounded() -> None:
    signers = [Ed25519Signer(bytes([number]) * 32) for number in range(1, SECRETS_MAX + 1)]
    scheme = SCHEMES["standard"]

    def code(signatures: int, keys: int, octets: int) -> str:
        secrets = [
            parse_secret(scheme, "whpk_" + base64.b64encode(signer.public_key).decode(), secret_id=f"k{place}")
            for place, signer in enumerate(signers[:keys])
        ]
        value = " ".join(
            "v1a," + base64.b64encode(signers[0].sign(b"%d" % number)).decode() for number in range(signatures)
        )
        headers = [
            (b"webhook-id", b"m"),
            (b"webhook-timestamp", b"%d" % NOW),
            (b"webhook-signature", value.encode()),
        ]
        with pytest.raises(Rejected) as caught:
            verify_delivery(scheme, secrets, headers, bytes(octets), now=NOW)
        return caught.value.code

    assert code(4, 4, 100) == code(2, 8, 100) == "webhook_signature"
    assert code(4, 5, 100) == code(3, 8, 0) == "webhook_malformed"
    # Of a large body fewer, and always one key and the one that replaces it.
    assert code(1, 7, 1_048_576) == "webhook_signature"
    assert code(1, 8, 1_048_576 + 1) == "webhook_malformed"
    assert code(1, 2, 8 * 1_048_576) == code(2, 1, 8 * 1_048_576) == "webhook_signature"
    assert code(1, 3, 8 * 1_048_576) == "webhook_malformed"


def test_a_signature_that_comes_twice_is_tried_once() -> None:
    signer = Ed25519Signer(bytes(range(32)))
    scheme = SCHEMES["standard"]
    public = "whpk_" + base64.b64encode(signer.public_key).decode()
    secrets = [parse_secret(scheme, public, secret_id=f"k{number}") for number in range(SECRETS_MAX)]
    signing = parse_secret(
        scheme, "whsk_" + base64.b64encode(bytes(range(32)) + signer.public_key).decode(), secret_id="own"
    )
    headers = dict(lower(sign_delivery(scheme, [signing], b"x", now=NOW, delivery_id="m")))
    headers[b"webhook-signature"] = b" ".join([headers[b"webhook-signature"]] * 4)
    assert verify_delivery(scheme, secrets, list(headers.items()), b"x", now=NOW).secret_id == "k0"


def test_names_and_values_of_a_form_are_signed_decoded_and_sorted() -> None:
    fields = {"To": "+1 555", "Body": "grüße & 100%", "Empty": ""}
    first = deliver("twilio", urlencode(fields).encode())
    respelled = "&".join(f"{name}={quote(value)}" for name, value in reversed(fields.items())).encode()
    assert _verify(first._replace(body=respelled)).secret_id == "secret-1"


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize("form", [SecretForm.TEXT, SecretForm.HEX, SecretForm.BASE64])
def test_a_plain_scheme_is_what_its_configuration_says(encoding: Encoding, digest: str, form: SecretForm) -> None:
    scheme = plain_scheme("X-Mine", encoding=encoding, prefix="sig=", digest=digest, secret_form=form)  # type: ignore[arg-type]  # a parameter
    text = base64.b64encode(bytes(range(32))).decode() if form is SecretForm.BASE64 else bytes(range(32)).hex()
    delivery = deliver(scheme, text=text)
    assert delivery.value("x-mine").startswith(b"sig=")
    assert _verify(delivery).secret_id == "secret-1"


def test_a_large_body_is_verified_like_a_small_one() -> None:
    for size in (32_767, 32_768, 32_769, 1_048_576):
        delivery = deliver("standard", bytes(size))
        assert _verify(delivery).delivery_id is not None
        assert _code(delivery._replace(body=bytes(size - 1) + b"\x01")) == "webhook_signature"

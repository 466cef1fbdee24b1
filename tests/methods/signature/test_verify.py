"""What a signature proves: the right key and algorithm, enough covered, in time; and in which order that is told."""

import time
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.simulators.request import view_of
from tests.simulators.signed import BODY, KEYS, NOW, changed, message, resigned, signed, verified

from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey, SignatureSigner
from doorward.errors import REFUSALS, Misconfigured, Rejected
from doorward.methods.signature import (
    DEFAULT_PROFILE,
    PROFILES,
    CoverageProfile,
    Message,
    VerifiedSignature,
    content_digest,
    message_of,
    verify,
    verify_request,
)
from doorward.methods.signature.config import COMPONENTS_MAX
from doorward.wire.render import STATUS_OF

ANY = PROFILES["danger-any"]
BODY_AS_IT_IS = msgspec.structs.replace(DEFAULT_PROFILE, body_components=frozenset(), body_fields=())
LONG = "(" + " ".join(f'"x-{number}"' for number in range(COMPONENTS_MAX + 1)) + ")"
COVERED = '("@method" "@authority" "@path" "@query")'


def code_of(request: Message, **how: Any) -> str:
    with pytest.raises(Rejected) as raised:
        verified(request, **how)
    return raised.value.code


def test_a_signed_request_is_proven_with_its_body() -> None:
    request = signed(message(body=BODY), body=BODY)
    found = verified(request, body=BODY)
    assert found is not None
    assert found.key_id == "k1"
    assert found.algorithm is SignatureAlgorithm.HMAC_SHA256
    assert found.covered == DEFAULT_PROFILE.components | DEFAULT_PROFILE.body_components
    assert found.signature.said.nonce == "bm5ubm5ubm5ubm5ubm5ubg"


def test_a_request_without_a_signature_presents_nothing() -> None:
    assert verified(message()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"method": "post"},
        {"target": b"/orders?id=8"},
        {"target": b"/orders"},
        {"target": b"/orders/?id=7"},
        {"target": b"//orders?id=7"},
        {"target": b"/%6frders?id=7"},
        {"authority": b"evil.example"},
        {"authority": b"api.example:8443"},
        {"scheme": "http", "authority": b"api.example:443"},
    ],
)
def test_whatever_the_default_covers_cannot_be_changed(change: dict[str, Any]) -> None:
    assert code_of(changed(signed(message()), **change)) == "signature_mismatch"


@pytest.mark.parametrize("name", [b"content-type", b"content-digest"])
def test_nor_the_headers_of_a_body(name: bytes) -> None:
    request = signed(message(body=BODY), body=BODY)
    other = [(key, value + b"x" if key == name else value) for key, value in request.headers]
    assert code_of(changed(request, headers=other)) == "signature_mismatch"
    without = [header for header in request.headers if header[0] != name]
    assert code_of(changed(request, headers=without)) == "signature_component"
    twice = [*request.headers, next(header for header in request.headers if header[0] == name)]
    assert code_of(changed(request, headers=twice)) == "signature_mismatch"


def test_what_is_not_covered_may_change() -> None:
    request = signed(message((b"accept", b"a")))
    assert verified(changed(request, headers=[header for header in request.headers if header[0] != b"accept"]))
    assert verified(changed(request, authority=b"API.example:443"))


@pytest.mark.parametrize("left_out", ["@method", "@authority", "@path", "@query"])
def test_a_signature_that_covers_less_than_the_default_is_refused(left_out: str) -> None:
    covered = COVERED.replace(f'"{left_out}"', "").replace("  ", " ")
    request = resigned(message(), covered, f';created={NOW};keyid="k1";nonce="n"')
    assert code_of(request) == "signature_coverage"
    assert verified(request, profile=ANY)


@pytest.mark.parametrize(
    "near", ['"@path" "@query" "@method" "x-authority"', '"@target-uri"', '"@request-target" "@authority"']
)
def test_a_component_that_is_nearly_the_one_is_not_the_one(near: str) -> None:
    request = resigned(message((b"x-authority", b"a")), f"({near})", f';created={NOW};keyid="k1";nonce="n"')
    assert code_of(request) == "signature_coverage"


@pytest.mark.parametrize("parameters", [f";created={NOW}", ';nonce="n"', ""])
def test_created_and_nonce_are_demanded(parameters: str) -> None:
    request = resigned(message(), COVERED, f'{parameters};keyid="k1"')
    assert code_of(request) == "signature_coverage"


@pytest.mark.parametrize(
    "header", [(b"content-length", b"14"), (b"transfer-encoding", b"chunked"), (b"content-length", b"00")]
)
def test_a_body_that_is_announced_must_be_covered(header: tuple[bytes, bytes]) -> None:
    said = f';created={NOW};keyid="k1";nonce="n"'
    kind, digest = (b"content-type", b"text/plain"), (b"content-digest", b"sha-256=:" + b"A" * 43 + b"=:")
    bare = resigned(message(header, kind, digest), COVERED, said)
    assert code_of(bare) == "signature_coverage"
    typed = resigned(message(header, kind, digest), COVERED[:-1] + ' "content-type")', said)
    assert code_of(typed) == "signature_coverage"
    digested = resigned(message(header, kind, digest), COVERED[:-1] + ' "content-digest")', said)
    assert code_of(digested) == "signature_coverage"
    one_member = resigned(
        message(header, kind, digest), COVERED[:-1] + ' "content-type" "content-digest";key="sha-256")', said
    )
    assert code_of(one_member) == "signature_coverage"
    assert verified(resigned(message(header, kind, digest), COVERED[:-1] + ' "content-type" "content-digest")', said))


def test_a_request_that_announces_no_body_may_have_none() -> None:
    for header in ([], [(b"content-length", b"0")]):
        request = signed(message(*header))
        assert verified(request, body=b"")
        assert code_of(request, body=b"x") == "signature_digest"
        # Nor where the profile demands nothing more of a body.
        assert verified(request, body=b"", profile=BODY_AS_IT_IS)
        assert code_of(request, body=b"x", profile=BODY_AS_IT_IS) == "signature_digest"


def test_framing_does_not_lessen_what_a_body_needs() -> None:
    # In HTTP/2 a body needs no Content-Length, and whoever forwards the request frames it anew.
    digest = (b"content-digest", content_digest(BODY))
    said = f';created={NOW};keyid="k1";nonce="n"'
    request = resigned(message(digest), COVERED[:-1] + ' "content-digest")', said)
    typed = changed(request, headers=(*request.headers, (b"content-type", b"text/xml")))
    assert code_of(typed, body=BODY) == "signature_digest"
    # Nor may the body that was signed be taken away.
    assert code_of(typed, body=b"") == "signature_digest"
    assert verified(signed(message((b"content-type", b"text/xml")), body=BODY), body=BODY)
    unproven = msgspec.structs.replace(DEFAULT_PROFILE, danger_unproven_body=True)
    assert code_of(resigned(message(), COVERED, said), body=BODY, profile=unproven) == "signature_digest"


def test_an_uncovered_digest_is_anybodys() -> None:
    digest = (b"content-digest", b"sha-256=:LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=:")
    request = signed(message())
    added = changed(request, headers=(*request.headers, digest))
    assert code_of(added, body=b"x") == "signature_digest"
    assert code_of(added, body=b"x", profile=BODY_AS_IT_IS) == "signature_digest"


@pytest.mark.parametrize("body", [BODY[:-1], BODY + b"\n", b"", b'{"amount":900}'])
def test_another_body_is_refused(body: bytes) -> None:
    assert code_of(signed(message(body=BODY), body=BODY), body=body) == "signature_digest"


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (NOW, None),
        (NOW + 300, None),
        (NOW + 301, "signature_expired"),
        (NOW - 30, None),
        (NOW - 31, "signature_not_yet_valid"),
        (NOW * 1_000, "signature_expired"),
        (0, "signature_not_yet_valid"),
    ],
)
def test_created_is_neither_old_nor_in_the_future(now: int, code: str | None) -> None:
    request = signed(message())
    if code is None:
        assert verified(request, now=now)
    else:
        assert code_of(request, now=now) == code


@pytest.mark.parametrize(
    ("created", "expires", "good"),
    [
        (NOW, NOW + 1, True),
        (NOW, NOW, False),
        (NOW - 9, NOW - 1, False),
        (NOW + 9, NOW + 5, False),
        (NOW - 9, NOW + 9, True),
    ],
)
def test_expires_ends_at_that_second_and_after_created(created: int, expires: int, good: bool) -> None:  # noqa: FBT001
    request = resigned(message(), COVERED, f';created={created};expires={expires};keyid="k1";nonce="n"')
    if good:
        assert verified(request)
    else:
        assert code_of(request) == "signature_expired"
    without = resigned(message(), COVERED, f';expires={expires};keyid="k1"')
    if expires > NOW:
        assert verified(without, profile=ANY)
    else:
        assert code_of(without, profile=ANY) == "signature_expired"


CODED = message((b"content-encoding", b"gzip"), body=BODY)


@pytest.mark.parametrize("profile", ["default", "danger-replayable"])
def test_the_coding_of_a_body_is_covered_where_one_is_said(profile: str) -> None:
    rules = PROFILES[profile]
    plain, coded = signed(message(body=BODY), body=BODY, profile=rules), signed(CODED, body=BODY, profile=rules)
    assert '"content-encoding"' in dict(coded.headers)[b"signature-input"].decode()
    for request in (plain, coded):
        assert verified(request, body=BODY, profile=rules) is not None
    # On the way somebody says that the body is compressed; that it is not; that it is compressed otherwise.
    added = changed(plain, headers=(*plain.headers, (b"content-encoding", b"gzip")))
    dropped = changed(coded, headers=[header for header in coded.headers if header[0] != b"content-encoding"])
    other = changed(
        coded, headers=[(name, b"br" if name == b"content-encoding" else value) for name, value in coded.headers]
    )
    assert code_of(added, profile=rules) == "signature_coverage"
    assert code_of(dropped, profile=rules) == "signature_component"
    assert code_of(other, profile=rules) == "signature_mismatch"


def test_the_coding_of_no_body_is_nobodys_concern() -> None:
    bare = signed(message())
    assert verified(changed(bare, headers=(*bare.headers, (b"content-encoding", b"gzip")))) is not None
    loose = signed(message(body=BODY), body=BODY)
    added = changed(loose, headers=(*loose.headers, (b"content-encoding", b"gzip")))
    assert verified(added, profile=ANY) is not None


def test_an_unknown_key_and_a_wrong_signature_look_alike() -> None:
    unknown = code_of(signed(message(), key_id="k2"))
    wrong = code_of(
        signed(message(), signer=SignatureSigner(SignatureAlgorithm.HMAC_SHA256, b"another HMAC secret of 32 bytes."))
    )
    assert (unknown, wrong) == ("signature_key_unknown", "signature_mismatch")
    unproven = (unknown, wrong, "signature_algorithm", "signature_component")
    assert {REFUSALS[code].public_code for code in unproven} == {"credential_invalid"}
    assert {REFUSALS[code].text for code in unproven} == {REFUSALS["credential_unknown"].text}
    assert {STATUS_OF[code] for code in unproven} == {401}


class _Counted:
    """A key that counts how often it is asked; everything else of it is the key's."""

    def __init__(self, key: SignatureKey) -> None:
        self.algorithm = key.algorithm
        self.asked = 0
        self._key = key

    def has_signed(self, presented_signature: bytes, data: bytes) -> bool:
        self.asked += 1
        return self._key.has_signed(presented_signature, data)


@pytest.mark.parametrize("alg", ["", ';alg="hmac-sha256"', ';alg="ed25519"', ';alg="none"'])
def test_an_unknown_key_costs_what_a_wrong_signature_costs(monkeypatch: pytest.MonkeyPatch, alg: str) -> None:
    asked = []
    for key_id in ("k1", "k2"):
        known, nobodys = _Counted(KEYS["k1"]), _Counted(verify._NOBODYS_KEY)
        monkeypatch.setattr(verify, "_NOBODYS_KEY", nobodys)
        request = resigned(message(), COVERED, f';created={NOW};keyid="{key_id}"{alg};nonce="n"')
        # The signature is over another path.
        request = changed(request, target=b"/other?id=7")
        with pytest.raises(Rejected) as raised:
            verify_request(request, {"k1": known}, DEFAULT_PROFILE, NOW)  # type: ignore[dict-item]  # one that counts
        assert REFUSALS[raised.value.code].public_code == "credential_invalid"
        asked.append(known.asked + nobodys.asked)
    assert asked == [1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("alg", ["", ';alg="ed25519"'])
def test_an_unknown_key_takes_as_long_as_a_wrong_signature(alg: str) -> None:
    requests = [
        changed(resigned(message(), COVERED, f';created={NOW};keyid="{key_id}"{alg};nonce="n"'), target=b"/other?id=7")
        for key_id in ("k1", "k2")
    ]

    def lasts(request: Message) -> float:
        started = time.process_time()
        for _ in range(200):
            code_of(request)
        return time.process_time() - started

    # The quickest round of each is the one that nothing else has disturbed: both come nearer to what they cost, and an
    # HMAC that is missing keeps them an eighth apart or more.
    known, unknown = map(lasts, requests)
    for _ in range(300):
        known, unknown = min(known, lasts(requests[0])), min(unknown, lasts(requests[1]))
        if 0.95 < unknown / known < 1.05:
            return
    pytest.fail(f"{unknown / known:.2f} times as long")


def test_only_the_holder_of_the_key_learns_more() -> None:
    old = resigned(message(), '("@method")', ';created=1;keyid="k1"')
    forged = [
        (name, value.replace(b"sig1=:", b"sig1=:AAAA") if name == b"signature" else value)
        for name, value in old.headers
    ]
    assert code_of(old) == "signature_coverage"
    assert code_of(changed(old, headers=forged)) == "signature_mismatch"


def test_the_algorithm_is_the_keys() -> None:
    right = resigned(message(), COVERED, f';created={NOW};keyid="k1";alg="hmac-sha256";nonce="n"')
    assert verified(right)
    for alg in ("ed25519", "HMAC-SHA256", "none", "rsa-v1_5-sha256"):
        other = resigned(message(), COVERED, f';created={NOW};keyid="k1";alg="{alg}";nonce="n"')
        assert code_of(other) == "signature_algorithm"


def test_a_public_key_is_no_secret() -> None:
    public = ed25519.Ed25519PrivateKey.generate().public_key()
    keys = {"k1": SignatureKey(SignatureAlgorithm.ED25519, public)}
    # Not as PEM: a signer refuses that, see `tests/crypto/test_signatures.py`.
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (der, public.public_bytes_raw()):
        forger = SignatureSigner(SignatureAlgorithm.HMAC_SHA256, secret)
        with pytest.raises(Rejected) as raised:
            verify_request(signed(message(), signer=forger), keys, DEFAULT_PROFILE, NOW)
        assert raised.value.code == "signature_mismatch"


def _two(second: Message, first: Message) -> Message:
    kept = [header for header in first.headers if header[0].startswith(b"signature")]
    return changed(second, headers=(*second.headers, *kept))


def test_a_signature_by_a_stranger_is_not_ours_to_judge() -> None:
    ours = signed(message())
    theirs = signed(message(), key_id="elsewhere", label="proxy")
    found = verified(_two(ours, theirs))
    assert isinstance(found, VerifiedSignature)
    assert found.key_id == "k1"
    assert code_of(_two(signed(message(), key_id="a"), theirs)) == "signature_key_unknown"


@pytest.mark.parametrize(
    "foreign",
    [
        '("@status";req);created=1;keyid="proxy"',
        '("@method");created=1;keyid="proxy";tag=""',
        '("@method" "@method");created="1"',
        '("@method");keyid=:A:',
        f'{LONG};keyid="proxy"',
    ],
)
def test_what_a_signature_for_somebody_else_covers_refuses_nothing(foreign: str) -> None:
    ours = signed(message())
    headers = [
        (name, line + (f", px={foreign}".encode() if name == b"signature-input" else b", px=:AAAA:"))
        if name.startswith(b"signature")
        else (name, line)
        for name, line in ours.headers
    ]
    found = verified(changed(ours, headers=headers))
    assert found is not None
    assert found.key_id == "k1"
    labelled = msgspec.structs.replace(DEFAULT_PROFILE, label="sig1")
    assert verified(changed(ours, headers=headers), profile=labelled)
    # Alone, or where it is the one that is asked for, it is refused as ever.
    asked = msgspec.structs.replace(DEFAULT_PROFILE, label="px")
    assert code_of(changed(ours, headers=headers), profile=asked) in {"signature_malformed", "signature_component"}


def test_two_signatures_by_known_keys_are_two_callers() -> None:
    ours, again = signed(message()), signed(message(), label="sig2")
    assert code_of(_two(ours, again)) == "credential_conflict"
    labelled = msgspec.structs.replace(DEFAULT_PROFILE, label="sig2")
    found = verified(_two(ours, again), profile=labelled)
    assert found is not None
    assert found.signature.label == "sig2"


def test_a_profile_may_ask_for_a_tag_and_then_nothing_else_counts() -> None:
    tagged = msgspec.structs.replace(DEFAULT_PROFILE, tag="orders")
    assert verified(signed(message(), profile=tagged), profile=tagged)
    assert verified(signed(message(), profile=tagged))
    assert code_of(signed(message()), profile=tagged) == "signature_coverage"
    other = msgspec.structs.replace(DEFAULT_PROFILE, tag="other")
    assert code_of(signed(message(), profile=other), profile=tagged) == "signature_coverage"


def test_a_bot_is_known_by_its_tag() -> None:
    bot = PROFILES["web-bot-auth"]
    request = signed(message(method="GET"), profile=bot)
    found = verified(request, profile=bot)
    assert found is not None
    assert found.body() is None
    assert code_of(request) == "signature_coverage"


def test_a_request_at_a_door_is_a_message() -> None:
    view = view_of((b"host", b"API.example"), target=b"/a?b", method="GET")
    message = message_of(view, b"API.example")
    assert verify_request(signed(message), KEYS, DEFAULT_PROFILE, NOW)
    assert "GET" in repr(message)
    assert "a?b" not in repr(message)


@pytest.mark.parametrize("wrong", [{"age_s_max": 0}, {"age_s_max": 86_401}, {"skew_s": -1}])
def test_a_profile_without_an_end_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Misconfigured):
        CoverageProfile(name="x", components=frozenset(), **wrong)  # type: ignore[arg-type]

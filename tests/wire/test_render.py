"""Every refusal has one answer, made from the table alone."""

import json

import pytest

from doorward.errors import REFUSALS, Rejected, Unavailable
from doorward.wire.challenge import build_challenge
from doorward.wire.render import STATUS_OF, Answer, render_refusal

BEARER = build_challenge("Bearer", realm="doorward")
BASIC = build_challenge("Basic", realm="doorward", charset="UTF-8")


def test_every_refusal_has_a_status_and_no_status_is_left_over() -> None:
    assert STATUS_OF.keys() == REFUSALS.keys()


def test_codes_that_look_alike_share_status_and_text() -> None:
    by_public_code: dict[str, set[tuple[int, str]]] = {}
    for code, row in REFUSALS.items():
        by_public_code.setdefault(row.public_code, set()).add((STATUS_OF[code], row.text))
    assert all(len(seen) == 1 for seen in by_public_code.values())


def test_what_was_done_before_is_answered_with_nothing() -> None:
    answer = render_refusal(Rejected("delivery_repeated", "private-detail"), challenges=(BEARER, BASIC))
    assert answer == Answer(200, ((b"content-length", b"0"), (b"cache-control", b"no-store")), b"")
    assert [code for code, status in STATUS_OF.items() if status < 400] == ["delivery_repeated"]


@pytest.mark.parametrize("code", sorted(REFUSALS.keys() - {"delivery_repeated"}))
def test_every_refusal_renders_without_its_detail(code: str) -> None:
    answer = render_refusal(Rejected(code, "private-detail"), challenges=(BEARER, BASIC))
    problem = json.loads(answer.body)
    assert problem["code"] == REFUSALS[code].public_code
    assert problem["type"] == "urn:doorward:refusal:" + REFUSALS[code].public_code
    assert problem["title"] == REFUSALS[code].text
    assert problem["status"] == answer.status == STATUS_OF[code]
    assert b"private-detail" not in answer.body + b"".join(value for _, value in answer.headers)
    assert dict(answer.headers)[b"content-type"] == b"application/problem+json"
    assert dict(answer.headers)[b"cache-control"] == b"no-store"
    assert dict(answer.headers)[b"content-length"] == b"%d" % len(answer.body)


def test_unknown_and_wrong_are_one_answer() -> None:
    unknown = render_refusal(Rejected("credential_unknown", "no such id"), challenges=(BEARER,))
    wrong = render_refusal(Rejected("credential_secret_mismatch", "digest"), challenges=(BEARER,))
    assert unknown == wrong


def _challenges(error: Rejected | Unavailable) -> list[bytes]:
    answer = render_refusal(error, challenges=(BEARER, BASIC))
    return [value for name, value in answer.headers if name == b"www-authenticate"]


def test_a_missing_credential_is_challenged_without_error_parameters() -> None:
    assert _challenges(Rejected("credential_missing")) == [BEARER, BASIC]


def test_a_bad_credential_is_challenged_with_the_error_of_rfc_6750() -> None:
    bearer, basic = _challenges(Rejected("credential_expired"))
    assert bearer == (
        b'Bearer realm="doorward", error="invalid_token", error_description="The credential has expired."'
    )
    assert basic == BASIC


def test_a_missing_scope_is_named_in_the_bearer_challenge_only() -> None:
    error = Rejected("scope_insufficient", missing_scopes=("orders:read", "orders:write"))
    (bearer,) = _challenges(error)
    assert b'error="insufficient_scope"' in bearer
    assert bearer.endswith(b'scope="orders:read orders:write"')
    assert json.loads(render_refusal(error).body)["missing_scopes"] == ["orders:read", "orders:write"]


@pytest.mark.parametrize("code", ["credential_insecure_transport", "no_door", "credential_in_query", "rate_limited"])
def test_nothing_else_invites_a_credential(code: str) -> None:
    assert _challenges(Rejected(code)) == []


def test_retry_after_is_sent_when_known_and_always_when_it_is_our_fault() -> None:
    assert (b"retry-after", b"7") in render_refusal(Rejected("rate_limited", retry_after_s=7)).headers
    assert (b"retry-after", b"1") in render_refusal(Unavailable("store_unavailable")).headers
    assert (b"retry-after", b"5") in render_refusal(Unavailable("overloaded", retry_after_s=5)).headers
    assert b"retry-after" not in dict(render_refusal(Rejected("credential_expired")).headers)


def test_answer_headers_travel_with_the_refusal() -> None:
    error = Rejected("credential_expired", answer_headers=((b"deprecation", b"@1"),))
    assert (b"deprecation", b"@1") in render_refusal(error).headers


def test_the_occurrence_is_named_when_given() -> None:
    assert json.loads(render_refusal(Rejected("no_door"), instance="urn:x:1").body)["instance"] == "urn:x:1"
    assert b"instance" not in render_refusal(Rejected("no_door")).body


def test_every_public_text_fits_a_challenge() -> None:
    for code in REFUSALS:
        render_refusal(Rejected(code), challenges=(b"Bearer",))

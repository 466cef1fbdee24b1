"""What bounds an explanation: octets hashed, octets unpacked, depth, and what is kept."""

import gzip
import json

import pytest
from tests.methods.webhook.explain.test_one_break import COMPACT, RICH, explained, first
from tests.simulators.webhook import NOW, deliver, secret_text

from doorward.methods.explaining import Work
from doorward.methods.explaining.coding import CONTENT_BYTES_MAX, coded_bodies
from doorward.methods.explaining.json_forms import DEPTH_MAX, JsonForms
from doorward.methods.webhook.config import SECRETS_MAX
from doorward.methods.webhook.explain import SecretText, explain_delivery
from doorward.methods.webhook.explain.explain import EXPLAINED_SECRETS_MAX


@pytest.mark.slow
def test_the_search_ends_at_its_limit_and_says_so() -> None:
    body = bytes(range(256)) * 4_096
    delivery = deliver("github", body)
    strangers = [
        SecretText(id=f"s{seed}", text=secret_text(delivery.scheme, seed + 3), in_use=seed < SECRETS_MAX)
        for seed in range(EXPLAINED_SECRETS_MAX)
    ]
    explanation = explain_delivery(delivery.scheme, strangers, delivery.headers, body, now=NOW)
    assert not explanation.complete
    assert first(explanation) == "nothing"


def test_a_small_search_is_complete() -> None:
    assert explained(deliver("github", COMPACT)._replace(body=b"other")).complete


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(bytes(8 * CONTENT_BYTES_MAX))
    assert all(len(variant.value) <= CONTENT_BYTES_MAX for variant in coded_bodies(bomb, Work(), made_at=None))
    small = gzip.compress(bytes(CONTENT_BYTES_MAX))
    assert [len(variant.value) for variant in coded_bodies(small, Work(), made_at=None)] == [CONTENT_BYTES_MAX]


def test_json_nested_too_deep_is_left_alone() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"1" + b"]" * depth

    assert list(JsonForms(nested(DEPTH_MAX), Work()).layouts()) != []
    assert list(JsonForms(nested(DEPTH_MAX + 1), Work()).layouts()) == []


@pytest.mark.parametrize("body", [b"", b"x", b"{", b'{"a":1}x', b"\xff", b"NaN", b"[1,]"])
def test_what_is_no_json_has_no_forms(body: bytes) -> None:
    assert list(JsonForms(body, Work()).layouts()) == []


def test_every_form_of_json_is_the_same_value() -> None:
    forms = [*JsonForms(COMPACT, Work()).layouts(), *JsonForms(COMPACT, Work()).numbers()]
    assert len(forms) > 50
    assert all(json.loads(form.value) == RICH for form in forms)


@pytest.mark.parametrize(
    ("ascii_only", "spaced", "keys_sorted"), [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
)
def test_what_python_writes_is_among_the_forms(ascii_only: int, spaced: int, keys_sorted: int) -> None:
    text = json.dumps(
        RICH,
        ensure_ascii=bool(ascii_only),
        sort_keys=bool(keys_sorted),
        separators=(", ", ": ") if spaced else (",", ":"),
    )
    assert text.encode() in {form.value for form in JsonForms(COMPACT, Work()).layouts()}

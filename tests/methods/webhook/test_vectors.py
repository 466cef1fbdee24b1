"""Every published example, and the refusals the reference libraries test for."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.frame.vectors import Vectors

from doorward.errors import Misconfigured, Rejected
from doorward.methods.webhook import SCHEMES, parse_secret, sign_delivery, verify_delivery

_NAMES = {"standard-webhooks": "standard"}


def _verdict(case: dict[str, Any]) -> str:  # Any: JSON
    scheme = SCHEMES[_NAMES.get(case["scheme"], case["scheme"])]
    body = urlencode(case["params"]) if "params" in case else case["body"]
    headers = [(name.lower().encode(), value.encode()) for name, value in case["headers"].items()]
    now = case.get("now", 1_700_000_000)
    try:
        secret = parse_secret(scheme, case["secret"], secret_id="published", danger_short=True)
        verify_delivery(scheme, [secret], headers, body.encode(), now=now, url=case.get("url"))
    except Rejected:
        return "reject"
    except Misconfigured:
        return "error when configuring"
    return "valid"


def test_every_published_case_is_judged_as_published(vectors: Vectors) -> None:
    cases = json.loads(vectors.files("webhooks")["vectors.json"])["cases"]
    judged = {f"{case['scheme']}: {case['name']}": _verdict(case) for case in cases}
    # One is left to the implementation: an upper-case spelling would be a second one of the same signature.
    wrong = [
        name
        for (name, verdict), case in zip(judged.items(), cases, strict=True)
        if verdict != ("reject" if case["expect"].startswith("implementation") else case["expect"].partition(" (")[0])
    ]
    assert wrong == []
    assert len(judged) == len(cases) > 25


def test_signing_makes_what_is_published(vectors: Vectors) -> None:
    compared = 0
    for case in json.loads(vectors.files("webhooks")["vectors.json"])["cases"]:
        values = " ".join(case["headers"].values())
        if case["expect"] != "valid" or "multiple" in case["name"] or "two v1" in case["name"]:
            continue
        scheme = SCHEMES[_NAMES.get(case["scheme"], case["scheme"])]
        secret = parse_secret(scheme, case["secret"], secret_id="published", danger_short=True)
        body = urlencode(case["params"]) if "params" in case else case["body"]
        known = {name.lower(): value for name, value in case["headers"].items()}
        signed = sign_delivery(
            scheme,
            [secret],
            body.encode(),
            now=int(known.get(scheme.timestamp_header.lower(), 1_614_265_330)),
            delivery_id=known.get(scheme.id_header.lower()),
            url=case.get("url"),
        )
        assert {name.lower(): value for name, value in signed} == known, values
        compared += 1
    assert compared >= 7


@pytest.mark.parametrize("name", ["stripe", "twilio", "shopify"])
def test_a_published_secret_that_is_too_short_must_be_asked_for(name: str) -> None:
    with pytest.raises(Misconfigured):
        parse_secret(SCHEMES[name], "12345", secret_id="published")

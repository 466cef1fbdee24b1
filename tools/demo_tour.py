"""The tour: what is asked of the orders API over real HTTP, and what it must answer.

Each row is one request by an independent client. `CASES` is the whole tour; the order matters only where a row says so.
"""

import base64
import time
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import httpx2
from tools.demo_credentials import Credentials, counterfeit, unknown_key

__all__ = ["Case", "Outcome", "ask_case", "bearer", "cases_for", "revoke_in_use", "take_tour"]

_ORDER: Final = b'{"item": "tea", "quantity": 3}'
_BAD_JSON: Final = b'{"item": '
_REVOKED_MS_MAX: Final = 1_500
"""By when a revocation has arrived even when its push was lost."""


class Case(NamedTuple):
    """One request and what it must come to."""

    group: str
    ask: str
    shown: str
    headers: Mapping[str, str]
    status: int
    code: str = ""
    body: bytes | None = None
    answer_header: str = ""
    """A header the answer must carry."""
    server: str = ""
    """Another server than the orders API."""
    also: str = ""
    """Another code that will do as well."""
    says: str = ""
    """What the body of the answer must hold."""
    empty: bool = False
    """Whether the answer must have no body."""


class Outcome(NamedTuple):
    """A case and what it came to."""

    case: Case
    status: int
    code: str
    fits: bool


def take_tour(
    client: httpx2.Client, cases: tuple[Case, ...], told: Callable[[Outcome], None] | None = None
) -> list[Outcome]:
    """Ask everything, in order."""
    outcomes = []
    for case in cases:
        outcome = ask_case(client, case)
        outcomes.append(outcome)
        if told is not None:
            told(outcome)
    return outcomes


def ask_case(client: httpx2.Client, case: Case) -> Outcome:
    """Ask one request, and compare."""
    method, _, path = case.ask.partition(" ")
    url = case.server + path
    headers = dict(case.headers)
    if case.body is not None:
        headers["content-type"] = "application/json"
    answer = client.request(method, url, headers=headers, content=case.body)
    is_problem = answer.headers.get("content-type") == "application/problem+json"
    code = answer.json()["code"] if is_problem else ""
    fits = (
        answer.status_code == case.status
        and code in {case.code, case.also or case.code}
        and (not case.answer_header or case.answer_header in answer.headers)
        and (case.status != 401 or "www-authenticate" in answer.headers)
        and case.says in answer.text
        and not (case.empty and answer.content)
    )
    return Outcome(case, answer.status_code, code, fits)


def bearer(key: str) -> Mapping[str, str]:
    """The header of a bearer value."""
    return {"authorization": f"Bearer {key}"}


def _basic(user: str, password: str) -> Mapping[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def cases_for(made: Credentials, *, doorward: str, admin_key: str) -> tuple[Case, ...]:
    """The tour with these credentials; `doorward` is the server's URL."""
    return (
        *_key_cases(made),
        *_life_cases(made),
        *_basic_cases(made),
        *_guard_cases(made),
        *_server_cases(made, doorward, admin_key),
    )


def revoke_in_use(client: httpx2.Client, office: httpx2.Client, made: Credentials) -> list[Outcome]:
    """Use a key, revoke it at the server, and ask the API until it refuses: what the feed is for."""
    group, ask, headers = "Its life", "GET /orders", bearer(made.doomed)
    first = ask_case(client, Case(group, ask, "a key in use", headers, 200))
    office.post(f"/api/v1/keys/{made.doomed_id}/revoke", json={"reason": "shown in the demo"}).raise_for_status()
    revoked = time.monotonic()
    while True:
        passed_ms = (time.monotonic() - revoked) * 1_000
        case = Case(group, ask, f"revoked {passed_ms:.0f} ms before", headers, 401, "credential_revoked")
        outcome = ask_case(client, case)
        if outcome.fits or passed_ms > _REVOKED_MS_MAX:
            return [first, outcome]
        time.sleep(0.002)


def _key_cases(made: Credentials) -> tuple[Case, ...]:
    group, key, read, write = "API key", made.reading, "GET /orders", "POST /orders"
    return (
        Case(group, read, "Authorization: Bearer", bearer(key), 200),
        Case(group, read, "Authorization: Api-Key", {"authorization": f"Api-Key {key}"}, 200),
        Case(group, read, "X-API-Key", {"x-api-key": key}, 200),
        Case(group, write, "a key that writes", bearer(made.writing), 201, body=_ORDER),
        Case(group, write, "a key that only reads", bearer(key), 403, "scope_insufficient", body=_ORDER),
        Case(group, read, "nothing", {}, 401, "credential_missing"),
        Case(group, read, "the id, a wrong secret", bearer(counterfeit(key)), 401, "credential_invalid"),
        Case(group, read, "an id nobody has", bearer(unknown_key()), 401, "credential_invalid"),
        Case(group, read, "a key of the wrong form", {"x-api-key": key[:-1]}, 401, "credential_malformed"),
        Case(group, read, "some other bearer value", bearer("mF_9B5f41JqM"), 401, "credential_unrecognised"),
        Case(group, read, "two keys at once", {**bearer(key), "x-api-key": key}, 400, "credential_conflict"),
        Case(group, f"{read}?api_key=…", "a key in the URL", {}, 400, "credential_in_query"),
        Case(group, read, "a test key, a live door", bearer(made.test), 401, "credential_environment"),
        Case(group, read, "a key for elsewhere", bearer(made.elsewhere), 403, "credential_network"),
        Case(group, write, "bad JSON and no key", {}, 401, "credential_missing", body=_BAD_JSON),
        Case(group, write, "bad JSON with a key", bearer(made.writing), 422, body=_BAD_JSON),
    )


def _life_cases(made: Credentials) -> tuple[Case, ...]:
    group, read = "Its life", "GET /orders"
    return (
        Case(group, read, "an expired key", bearer(made.expired), 401, "credential_expired"),
        Case(group, read, "a disabled key", bearer(made.disabled), 401, "credential_disabled"),
        Case(group, read, "a revoked key", bearer(made.revoked), 401, "credential_revoked"),
        Case(group, read, "of a suspended app", bearer(made.suspended), 401, "app_suspended"),
        Case(group, read, "rotated, overlap: old", bearer(made.rotated_old), 200),
        Case(group, read, "rotated, overlap: new", bearer(made.rotated_new), 200),
        Case(group, read, "rotated on a leak: old", bearer(made.leaked_old), 401, "credential_revoked"),
        Case(group, read, "rotated on a leak: new", bearer(made.leaked_new), 200),
        Case(group, read, "two a minute: first", bearer(made.limited), 200, answer_header="ratelimit"),
        Case(group, read, "two a minute: second", bearer(made.limited), 200),
        Case(
            group, read, "two a minute: third", bearer(made.limited), 429, "rate_limited", answer_header="retry-after"
        ),
    )


def _basic_cases(made: Credentials) -> tuple[Case, ...]:
    group, old, user = "Basic", "GET /legacy/orders", made.app_id
    good = _basic(user, made.password)
    return (
        Case(group, old, "an app password", good, 200, answer_header="deprecation"),
        Case(group, old, "a wrong password", _basic(user, counterfeit(made.password)), 401, "credential_invalid"),
        Case(group, old, "a user nobody knows", _basic("app_000000000000", made.password), 401, "credential_invalid"),
        Case(group, old, "an expired password", _basic(user, made.password_expired), 401, "credential_expired"),
        Case(group, old, "a revoked password", _basic(user, made.password_revoked), 401, "credential_revoked"),
        Case(group, old, "one without the scope", _basic(user, made.password_writing), 403, "scope_insufficient"),
        Case(group, old, "a password and a key", {**good, "x-api-key": made.reading}, 400, "credential_conflict"),
        Case(group, old, "a key is welcome too", bearer(made.reading), 200),
        Case(group, "GET /orders", "a password, keys asked", good, 401, "credential_missing"),
    )


def _guard_cases(made: Credentials) -> tuple[Case, ...]:
    group, key = "The guard", bearer(made.reading)
    return (
        Case(group, "GET /health", "nothing: it is open", {}, 200),
        Case(group, "GET /docs", "a key, but no door", key, 403, "no_door"),
        Case(group, "GET /nowhere", "a key, nothing is here", key, 404, "route_unknown"),
        Case(group, "GET //orders", "another spelling", {}, 404, "route_unknown"),
    )


def _server_cases(made: Credentials, doorward: str, admin_key: str) -> tuple[Case, ...]:
    group, apps, admin = "Doorward", "GET /api/v1/apps", bearer(admin_key)
    foreign, new_app = {**admin, "origin": "https://evil.example"}, b'{"name": "uninvited"}'
    return (
        Case(group, apps, "the administrator", admin, 200, server=doorward),
        Case(group, apps, "the shop's own key", bearer(made.reading), 403, "scope_insufficient", server=doorward),
        Case(group, apps, "nothing", {}, 401, "credential_missing", server=doorward),
        Case(
            group, apps, "another host's name", {**admin, "host": "evil.example"}, 421, "host_refused", server=doorward
        ),
        Case(
            group, "POST /api/v1/apps", "from a foreign page", foreign, 403, "origin_refused", new_app, server=doorward
        ),
    )

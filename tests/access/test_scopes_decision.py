"""Decisions by scope and kind."""

import pytest

from doorward.access import decide
from doorward.errors import Rejected
from doorward.values import CredentialId, MethodName, Principal, PrincipalKind, Scopes


def principal(*scopes: str, kind: PrincipalKind = PrincipalKind.APP) -> Principal:
    return Principal(
        kind=kind,
        id="app_1",
        name="one",
        method=MethodName("apikey"),
        credential_id=CredentialId("k1"),
        scopes=Scopes(*scopes),
    )


def test_every_scope_is_needed() -> None:
    with pytest.raises(Rejected) as caught:
        decide(principal("a", "c"), Scopes("a", "b", "d"))
    assert (caught.value.code, caught.value.missing_scopes) == ("scope_insufficient", ("b", "d"))


def test_a_scope_is_no_prefix_and_no_pattern() -> None:
    for held in ("orders", "orders:*", "ORDERS:READ", "orders:read:more"):
        with pytest.raises(Rejected):
            decide(principal(held), Scopes("orders:read"))


def test_reasons_say_what_was_asked() -> None:
    decision = decide(principal("b", "a"), Scopes("b", "a"), PrincipalKind.APP)
    assert decision.reasons == ("proven", "kind:app", "scope:a", "scope:b")
    assert decide(principal()).reasons == ("proven",)


@pytest.mark.parametrize("kind", [PrincipalKind.APP, PrincipalKind.WORKLOAD])
def test_another_kind_does_not_pass(kind: PrincipalKind) -> None:
    with pytest.raises(Rejected) as caught:
        decide(principal("a", kind=kind), Scopes("a"), PrincipalKind.PERSON)
    assert caught.value.code == "principal_kind"

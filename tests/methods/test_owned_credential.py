"""What every credential of an app has in common, over the three kinds there are."""

import pytest
from msgspec.structs import replace
from rich.pretty import pretty_repr
from tests.simulators.records import key_of, password_of
from tests.simulators.stored_signature_keys import signature_key_of

from doorward.methods.owned_credential import CredentialState, OwnedCredential, barred_by_state
from doorward.methods.rotation import NEVER, expiry_of

SECRET = b"\x07never shown\x07"
RECORDS = [
    key_of(secret_digest=SECRET),
    password_of(secret_digest=SECRET),
    signature_key_of(sealed_secret=SECRET),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_no_record_shows_what_proves_it(record: OwnedCredential) -> None:
    shown = repr(record) + pretty_repr(record) + str(record)
    assert record.id in shown
    assert "never shown" not in shown
    assert type(record).__name__ in repr(record)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
@pytest.mark.parametrize(
    ("state", "app_state", "code"),
    [
        ("active", "active", None),
        ("active", "suspended", "app_suspended"),
        ("active", "revoked", "credential_revoked"),
        ("active", "of a later release", "app_suspended"),
        ("disabled", "active", "credential_disabled"),
        ("disabled", "suspended", "credential_disabled"),
        ("revoked", "active", "credential_revoked"),
    ],
)
def test_its_own_state_bars_before_its_apps(
    record: OwnedCredential, state: str, app_state: str, code: str | None
) -> None:
    assert barred_by_state(replace(record, state=CredentialState(state), app_state=app_state)) == code


def test_an_end_is_counted_from_now_or_said_to_be_never() -> None:
    assert expiry_of(60, 1_000) == 1_060
    assert expiry_of(NEVER, 1_000) is None

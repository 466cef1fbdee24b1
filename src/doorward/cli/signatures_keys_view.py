"""Signature keys as people see them."""

from pathlib import Path

from doorward.cli.grant_facts import grant_facts, life_facts, owner_words
from doorward.cli.looks import ago, expiry_short, state_cell
from doorward.cli.output import Cell, Column, Output, styled
from doorward.cli.shapes import issued_signature_key_shape, signature_key_shape
from doorward.crypto.sealing import MasterKeys
from doorward.errors import Unavailable
from doorward.methods.signature.order import IssuedSignatureKey
from doorward.methods.signature.port import SignatureKeyRecord, SignatureKeyState
from doorward.methods.signature.stored import open_verifier

__all__ = [
    "show_issued_signature_key",
    "show_moved_signature_key",
    "show_registered_signature_key",
    "show_signature_key",
    "show_signature_keys",
]

_COLUMNS = (
    Column("Id", fixed=True),
    Column("App"),
    Column("Name"),
    Column("Algorithm"),
    Column("State", fixed=True),
    Column("Expires", fixed=True),
    Column("Used", fixed=True),
)
_AFTER = {
    SignatureKeyState.ACTIVE: "It works again.",
    SignatureKeyState.DISABLED: "It opens no door until `doorward signatures keys enable`.",
    SignatureKeyState.REVOKED: "It opens no door any more.",
}


def show_signature_keys(out: Output, records: list[SignatureKeyRecord], now: int) -> None:
    """A line each."""
    if out.as_json:
        for record in records:
            out.json(signature_key_shape(record))
        return
    rows = [
        (
            styled(record.id, "cyan"),
            record.app_name or record.app_id,
            record.name,
            record.algorithm.value,
            state_cell(record.state.value, expires_at=record.expires_at, app_state=record.app_state, now=now),
            expiry_short(record.expires_at, now),
            ago(record.last_used_at, now),
        )
        for record in records
    ]
    out.table(_COLUMNS, rows, empty="No signature keys yet: `doorward signatures keys create APP` makes one.")


def show_signature_key(out: Output, record: SignatureKeyRecord, now: int, master_keys: MasterKeys | None) -> None:
    """Everything that is known of one key, which is not its secret."""
    if out.as_json:
        out.json(signature_key_shape(record))
        return
    state = state_cell(record.state.value, expires_at=record.expires_at, app_state=record.app_state, now=now)
    out.facts(
        [
            ("Id", styled(record.id, "bold cyan")),
            ("Name", record.name),
            ("State", state),
            *_grants(record, now),
            ("Key", _key_words(record, master_keys)),
            *life_facts(record, now),
        ]
    )


def show_issued_signature_key(
    out: Output, issued: IssuedSignatureKey, now: int, jwk_file: Path | None, *, said: str
) -> None:
    """A new key with its secret: in its file, or once, alone on stdout; what it is and what to do beside it."""
    record = issued.record
    if out.as_json:
        out.json(issued_signature_key_shape(issued, jwk_file))
        return
    out.done(said)
    out.note()
    if jwk_file is None:
        out.secret(issued.text())
        out.note()
        out.warn("It is shown this once, in base64. Put it where your program keeps its secrets.")
    else:
        out.warn(
            f"Its secret is in {jwk_file}, for you only, and nowhere else. Hand it to the app, and to nobody else."
        )
    out.note()
    out.facts([("Id", styled(record.id, "bold cyan")), *_grants(record, now)], to_stderr=True)
    out.note()
    if jwk_file is None:
        out.note("A program signs with it under that id (its `keyid`):")
        out.note()
        out.command(f'SignatureAuth(b64decode(secret), key_id="{record.id}")')
    else:
        out.note("Sign a request with it, or let a program do so: SignatureAuth(jwk).")
        out.note()
        out.command(f"doorward signatures sign --keys {jwk_file} --request request.http")


def show_registered_signature_key(out: Output, record: SignatureKeyRecord, now: int, *, said: str) -> None:
    """A new key whose private half the app has."""
    if out.as_json:
        out.json(signature_key_shape(record))
        return
    out.done(said)
    out.note()
    out.facts([("Id", styled(record.id, "bold cyan")), ("Name", record.name), *_grants(record, now)])
    out.note()
    out.note(f"The app signs with its private key under that id, whatever its file calls it: keyid={record.id}")
    out.note()
    # The file is the app's: what it is called there is not known here.
    algorithm = f', algorithm="{record.algorithm.value}"' if record.algorithm.value.startswith("rsa") else ""
    out.command(f'SignatureAuth(Path("private.pem").read_text(), key_id="{record.id}"{algorithm})')


def show_moved_signature_key(out: Output, record: SignatureKeyRecord, now: int, said: str) -> None:
    """A key in its new state."""
    if out.as_json:
        out.json(signature_key_shape(record))
        return
    name, app = record.name, record.app_name or record.app_id
    out.done(f"{said}: {record.id} ({name}) of {app}. {_AFTER[record.state]}")
    if record.state is SignatureKeyState.ACTIVE and record.expires_at is not None and record.expires_at <= now:
        out.warn("It has expired all the same: rotate cannot revive it, create a new one.")


def _grants(record: SignatureKeyRecord, now: int) -> list[tuple[str, Cell]]:
    return [("App", owner_words(record)), ("Algorithm", record.algorithm.value), *grant_facts(record, now)]


def _key_words(record: SignatureKeyRecord, master_keys: MasterKeys | None) -> str:
    """What there is to verify with, and whether it can be used."""
    if record.public_jwk is not None:
        return "public: the app has the private half"
    if record.sealed_secret is None:
        return "a secret, erased when it was revoked"
    if master_keys is None:
        return "a secret, sealed; without a master key nobody here can open it"
    try:
        open_verifier(record, master_keys)
    except Unavailable:
        return "a secret that does not open under this master key: revoke it, and make another"
    return "a secret, sealed"

"""Where `signatures verify` and `explain` take keys from: a file, or the store.

Without `--stored` no store is opened. With it the request is verified with the keys of apps as a door of this
deployment would, only that a secret which does not open is named: whoever may open the store administers everything in
it. That the client is in the key's networks is
not asked, for a file does not say who sent it. Nothing signs with a key of the store: it is an app's, and only the app
speaks in its name.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from doorward.cli.frame import Desk
from doorward.cli.problems import UsageProblem
from doorward.cli.signatures_message import RawRequest, read_keys
from doorward.crypto.signatures import SignatureAlgorithm, SignatureKey
from doorward.errors import Rejected, Unavailable
from doorward.methods.owned_credential import barred_by_state
from doorward.methods.signature import parse_signatures
from doorward.methods.signature.explain.explain import EXPLAINED_KEYS_MAX
from doorward.methods.signature.port import SignatureKeyRecord
from doorward.methods.signature.sealed import require_master_keys
from doorward.methods.signature.stored import open_verifier
from doorward.values import CredentialId

if TYPE_CHECKING:
    from doorward.app.store import Store

__all__ = [
    "KeyFile",
    "KnownKeys",
    "PemAlgorithm",
    "PemKeyId",
    "Stored",
    "find_keys",
    "read_verifiers",
    "require_one_source",
]
__all__ += ["require_usable"]

KeyFile = Annotated[
    Path | None, typer.Option("--keys", metavar="FILE", help="A JWK set, one JWK, or one key in PEM; or --stored.")
]
PemKeyId = Annotated[
    str | None, typer.Option("--key-id", metavar="ID", help="By which the key of a PEM file is known.")
]
PemAlgorithm = Annotated[
    str | None, typer.Option("--algorithm", metavar="ALG", help="What a key in PEM is used with, where it is RSA.")
]
Stored = Annotated[bool, typer.Option("--stored", metavar="", help="The keys of the store's apps, instead of --keys.")]


class KnownKeys(NamedTuple):
    """What verifies, by the ids of the keys; `others` are not in use, and `records` those that are the store's."""

    verifiers: dict[str, SignatureKey]
    others: dict[str, SignatureKey]
    records: dict[str, SignatureKeyRecord]


def read_verifiers(
    path: Path, *, key_id: str | None = None, algorithm: SignatureAlgorithm | None = None
) -> dict[str, SignatureKey]:
    """What verifies, of a file. Arguments: as `read_keys`.

    Raises:
        UsageProblem: it cannot be read, or holds no such keys.
    """
    found = read_keys(path, key_id=key_id, algorithm=algorithm)
    return {name: key.verifier for name, key in found.items() if key.verifier is not None}


async def find_keys(desk: Desk, received: RawRequest, *, now: int, beside: bool = False) -> KnownKeys:
    """The keys a request names, from the store; with `beside` others of the store as well, to be tried.

    Raises:
        Misconfigured: the store has no master key.
        Rejected: the signature fields do not parse.
        Unavailable: `store_unavailable`; `keys_unavailable` when a key that is named does not open.
    """
    named = dict.fromkeys(one.lookup_id for one in parse_signatures(received.message) or ())
    known = KnownKeys({}, {}, {})
    async with desk.store() as store:
        master_keys = require_master_keys(store.master_keys)
        for key_id in named:
            record = await store.signature_keys.find_signature_key(CredentialId(key_id))
            verifier = None if record is None else open_verifier(record, master_keys)
            if record is not None and verifier is not None:
                known.records[key_id] = record
                # Only a door asks for its state after the proof; an explanation calls it retired.
                (known.verifiers if not beside or _is_usable(record, now) else known.others)[key_id] = verifier
        if beside:
            async for record, verifier in _others(store, known):
                (known.verifiers if _is_usable(record, now) else known.others)[record.id] = verifier
    return known


async def _others(store: "Store", known: KnownKeys) -> AsyncIterator[tuple[SignatureKeyRecord, SignatureKey]]:
    left: Final = EXPLAINED_KEYS_MAX - len(known.records)
    listed = await store.signature_keys.list_signature_keys(limit=EXPLAINED_KEYS_MAX)
    for record in [one for one in listed if one.id not in known.records][: max(0, left)]:
        try:
            verifier = open_verifier(record, store.master_keys)
        except Unavailable:
            continue  # another key's trouble is not this one's
        if verifier is not None:
            yield record, verifier


def require_usable(record: SignatureKeyRecord, now: int) -> None:
    """See that a key that has proven a request may be used, as a door does.

    Raises:
        Rejected: `credential_revoked`, `credential_disabled`, `app_suspended`, `credential_expired`.
    """
    barred = barred_by_state(record)
    if barred is not None:
        raise Rejected(barred, f"the state of the key {record.id}, or of its app")
    if record.expires_at is not None and record.expires_at <= now:
        raise Rejected("credential_expired", f"the key {record.id} has expired")


def _is_usable(record: SignatureKeyRecord, now: int) -> bool:
    try:
        require_usable(record, now)
    except Rejected:
        return False
    return True


def require_one_source(keys: Path | None, *, stored: bool) -> None:
    """Raises `UsageProblem` unless exactly one of `--keys` and `--stored` was said."""
    if (keys is None) != stored:
        raise UsageProblem("Say whose keys: --keys with a file, or --stored for those of the store's apps.")

"""The master key of a deployment: where it comes from, that it is the right one, its rotation, and its loss.

Rules of this file:

* It lives in a file that only its owner can read, or in the environment; never in the database, whose thief would
  then have lock and key.
* A start with another key than the database's stops at the probe (`sealed.py`), instead of chaining the audit log with
  a key nobody can verify it by.
* What rests sealed is sealed again by a rotation. Chain keys are derived, not sealed: old events stay verifiable as
  long as the old key is in the file.

`docs/master-key.md` says what to keep where, and what losing it means.
"""

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple, final

from msgspec.structs import replace

from doorward.app.keyed_store import KeyedStore
from doorward.app.pairwise_key import replace_lost_pairwise_key
from doorward.app.sealed import PROBE_NAME, count_sealed, prove_master_keys, seal_again, seal_probe
from doorward.crypto.master_key import generate_master_key, parse_master_keys, rotate_master_keys
from doorward.crypto.sealing import MasterKeys, key_id_of
from doorward.errors import Misconfigured
from doorward.keys.recovery import restart_lost_rings
from doorward.methods.signature.recovery import revoke_lost_signature_keys
from doorward.methods.webhook.recovery import retire_lost_webhook_secrets
from doorward.values import Actor, Change, Entropy, Event

__all__ = [
    "Resealed",
    "create_master_key_file",
    "load_master_keys",
    "prove_master_keys",
    "record_resealing",
    "record_rotation",
    "replace_lost_master_key",
    "rotate_master_key_file",
    "seal_again",
]

FILE_BYTES_MAX: Final = 65_536
_GROUP_AND_OTHERS: Final = 0o077


def load_master_keys(path: Path | None, text: str | None, *, entropy: Entropy) -> MasterKeys | None:
    """The master keys of a file, or those in a text from the environment; None when neither is named.

    Raises:
        Misconfigured: both a file and the environment, a file others can read, or a text that is no key.
    """
    if path is not None and text is not None:
        raise Misconfigured("There are two master keys: a file and the environment.", cure="Keep one of them.")
    if path is not None:
        return parse_master_keys(_read_private(path), entropy=entropy)
    return None if text is None else parse_master_keys(text, entropy=entropy)


def create_master_key_file(path: Path, *, entropy: Entropy, key_id: str = "k1") -> None:
    """Write a new master key to a file that does not exist yet, for its owner only (mode 0600, folder 0700).

    Raises:
        Misconfigured: the file is there already: it may be all that opens what was sealed.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _write_new(path, generate_master_key(entropy, key_id=key_id))
    except FileExistsError:
        raise Misconfigured(f"{path} exists already.", cure="Keep it, or name another file.") from None


def rotate_master_key_file(path: Path, *, entropy: Entropy) -> None:
    """Put a new current key after the old ones. The file is replaced whole: a crash leaves the old or the new one.

    Raises:
        Misconfigured: as `load_master_keys`, or the file is full.
    """
    text = rotate_master_keys(_read_private(path), entropy)
    beside = path.with_name(f"{path.name}.new-{entropy(8).hex()}")
    try:
        _write_new(beside, text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(path.parent)


async def record_rotation(store: KeyedStore, keys: MasterKeys, *, actor: Actor) -> None:
    """Seal everything again and write into the audit log that it was done."""
    await seal_again(store, keys)
    await store.changes.commit(Change(events=(_event(store, "master_key.rotated", keys, actor, None),)))


@final
class Resealed(NamedTuple):
    """What was under which master key, by its id and by what it is: before everything was sealed again, and after."""

    before: Mapping[str, Mapping[str, int]]
    after: Mapping[str, Mapping[str, int]]

    def left(self, keys: MasterKeys) -> int:
        """How many rows are still not under the current key."""
        return _older(self.after, keys)


async def record_resealing(store: KeyedStore, keys: MasterKeys, *, actor: Actor) -> Resealed:
    """Seal again what is left under older keys, and count what rests under which. Recorded when there was anything.

    After a rotation a server that was not restarted yet has the old file, and goes on sealing under the old key. So
    this is to be done once all have the new one: what is left then stays none.

    Raises: as `seal_again`.
    """
    before = await count_sealed(store)
    await seal_again(store, keys)
    resealed = Resealed(before, await count_sealed(store))
    rows = _older(before, keys)
    if rows:
        event = _event(store, "master_key.resealed", keys, actor, None)
        told = replace(event, details={"rows": rows, "left": resealed.left(keys)})
        await store.changes.commit(Change(events=(told,)))
    return resealed


def _older(counted: Mapping[str, Mapping[str, int]], keys: MasterKeys) -> int:
    return sum(sum(rows.values()) for key_id, rows in counted.items() if key_id != keys.current)


async def replace_lost_master_key(store: KeyedStore, keys: MasterKeys, *, reason: str, actor: Actor) -> None:
    """Make new keys this database's own after the old ones were lost.

    What was sealed under the lost keys is gone: every ring of signing keys begins anew, and what the old keys signed
    still verifies; derived names change; signature keys with a secret are revoked, public ones go on; the secrets of
    webhook senders are retired. API keys and app passwords verify as before, because they are hashed, not sealed.
    Events chained under the lost key can no longer be verified; the chain goes on from its head under the new key, with
    this event first.

    Args:
        store: opened without master keys checked (`open_store(…, danger_unproven_master_keys=True)`).
        keys: new ones, with an id the lost ones did not have.
        reason: why, 1 to 500 characters.
        actor: who did it.

    Raises:
        Misconfigured: the new key has the id of a lost one, so old events would look forged.
    """
    sealed = await store.meta.read_meta(PROBE_NAME)
    lost_id = None if sealed is None else key_id_of(sealed)
    if lost_id is not None and lost_id in keys.key_ids:
        raise Misconfigured(
            f"The new master key has the id of the lost one ({lost_id}).",
            cure="Make the new key with another id.",
        )
    await store.changes.commit(Change(events=(_event(store, "master_key.replaced", keys, actor, reason),)))
    await replace_lost_pairwise_key(store, keys)
    await restart_lost_rings(store, keys, reason=reason, actor=actor)
    await revoke_lost_signature_keys(store, keys, reason=reason, actor=actor)
    await retire_lost_webhook_secrets(store, keys, reason=reason, actor=actor)
    # Last: until then it can be done again.
    await seal_probe(store.meta, keys)


def _event(store: KeyedStore, action: str, keys: MasterKeys, actor: Actor, reason: str | None) -> Event:
    return Event(
        at=int(store.clock()),
        action=action,
        actor=actor,
        object_kind="master_key",
        object_id=keys.current,
        reason=reason,
    )


def _read_private(path: Path) -> str:
    try:
        # One descriptor for the question and the reading: between two looks at a path it could be another file.
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & _GROUP_AND_OTHERS:
                raise Misconfigured(
                    f"The master key file {path} can be read or written by others (mode {mode:04o}).",
                    cure=f"chmod 600 {path}, and rotate the key if anybody may have read it.",
                )
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        cure = "Correct the path or the owner, restore it from your safe, or run `doorward init` to make one."
        raise Misconfigured(f"The master key file {path} cannot be read: {error.strerror}.", cure=cure) from None
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise Misconfigured(f"The master key file {path} is not text.", cure="Restore it from your safe.") from None


def _write_new(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # The new name is durable only when the folder is.
    descriptor = os.open(folder, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)

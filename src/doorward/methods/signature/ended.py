"""Secrets of signature keys whose time is over are erased: what nobody may sign with any more must not lie about.

A key that has expired, or was rotated and whose overlap is over, opens nothing; its sealed secret would open all it
signed to whoever gets hold of the database and, later, of the master key. An erased key is a revoked one, so that its
lists say what is true, and the audit log says why. Public keys have nothing to erase and stay as they are.
"""

from functools import partial
from typing import Final

from doorward.errors import Rejected
from doorward.methods.deciding import decide
from doorward.methods.owner import APP_REVOKED
from doorward.methods.signature.issue import move_signature_key
from doorward.methods.signature.port import SignatureKeyRecord, SignatureKeyState
from doorward.methods.signature.recovery import ResealingStore, list_with_secrets
from doorward.values import Actor, Change

__all__ = ["erase_ended_key_secrets"]

_EXPIRED: Final = "it has expired, and its secret is erased"
_ORPHANED: Final = "its app is revoked, and its secret is erased"


async def erase_ended_key_secrets(store: ResealingStore, *, before: int, actor: Actor) -> int:
    """Revoke every key with a secret that expired by `before`, or whose app is revoked; answers how many.

    An app's secrets are erased with its revocation. One that was made in that very moment is found here.

    Args:
        store: see `ResealingStore`.
        before: epoch seconds, itself included.
        actor: who erases.

    Raises:
        Unavailable: `store_unavailable`; doing it again is safe.
    """
    erased = 0
    async for record in list_with_secrets(store):
        if _why_over(record, before) is None:
            continue
        find = partial(store.signature_keys.find_signature_key, record.id)
        try:
            erased += await decide(store, find, partial(_end, before, actor), unknown="no such key")
        except Rejected as error:
            # Somebody changes it again and again at this moment: the next time will do.
            if error.code != "object_conflict":
                raise
    return erased


def _end(before: int, actor: Actor, record: SignatureKeyRecord, now: int) -> tuple[bool, Change]:
    # Looked at again: another process may have erased it meanwhile.
    why = _why_over(record, before)
    if why is None:
        return False, Change()
    _, change = move_signature_key(record, SignatureKeyState.REVOKED, reason=why, actor=actor, now=now)
    return True, change


def _why_over(record: SignatureKeyRecord, before: int) -> str | None:
    if record.sealed_secret is None:
        return None
    if record.app_state == APP_REVOKED:
        return _ORPHANED
    return _EXPIRED if record.expires_at is not None and record.expires_at <= before else None

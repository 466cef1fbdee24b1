"""The secrets of signature keys at rest: sealed under the master key, each for its own row.

A sealed secret that is copied to another row, or taken for something else that is sealed, does not open: row and
purpose are part of the seal (`crypto/sealing.py`).
"""

from typing import Final

from doorward.crypto.sealing import MasterKeys
from doorward.errors import Misconfigured
from doorward.values import CredentialId

__all__ = ["PURPOSE", "open_secret", "require_master_keys", "seal_secret"]

PURPOSE: Final = "signature key"
"""What secrets are sealed for; with the key's id as the row."""


def seal_secret(master_keys: MasterKeys, key_id: CredentialId, secret: bytes) -> bytes:
    """The secret as it is stored."""
    return master_keys.seal(secret, purpose=PURPOSE, row=key_id)


def open_secret(master_keys: MasterKeys, key_id: CredentialId, sealed_secret: bytes) -> bytes:
    """What `seal_secret` sealed for this key.

    Raises:
        UnsealError: altered, moved, or sealed under a master key that is not here.
    """
    return master_keys.open(sealed_secret, purpose=PURPOSE, row=key_id)


def require_master_keys(master_keys: MasterKeys | None) -> MasterKeys:
    """The master keys, without which no secret can be sealed or opened.

    Raises:
        Misconfigured: there are none.
    """
    if master_keys is None:
        raise Misconfigured(
            "Secrets of signature keys rest sealed, and there is no master key.",
            cure="Set DOORWARD_MASTER_KEY_FILE (or DOORWARD_MASTER_KEY) to the deployment's master key.",
        )
    return master_keys

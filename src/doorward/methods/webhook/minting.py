"""Secrets of senders that are made here: where the scheme lets the receiver choose, and in the form it takes.

`standard` and `svix` have a form of their own (Standard Webhooks: `whsec_` and base64 of 24 to 64 random bytes). Where
any text will do it is one of our own form, so that a scanner of leaks finds it, our logs hide it, and what it is the
secret of can be told from it: the id in it is the id of the secret.
"""

import base64
import re
from typing import Final

from doorward.errors import Rejected
from doorward.methods.webhook.schemes import Scheme, SecretForm
from doorward.methods.webhook.secrets import SECRET_PREFIX
from doorward.values import CredentialId, Entropy
from doorward.wire.credential import ID_CHARACTERS, PREFIX_PATTERN, mint_credential_text, random_base62

__all__ = ["SECRET_ID_PREFIX", "SECRET_LABEL", "mint_secret", "mint_secret_id"]

SECRET_ID_PREFIX: Final = "whs_"  # noqa: S105  # the public beginning of every id
SECRET_LABEL: Final = "hook"  # noqa: S105  # the public label of every text
MINTED_BYTES: Final = 32


def mint_secret_id(entropy: Entropy) -> CredentialId:
    """`whs_` and 12 base62 characters."""
    return CredentialId(SECRET_ID_PREFIX + random_base62(ID_CHARACTERS, entropy))


def mint_secret(scheme: Scheme, *, prefix: str, entropy: Entropy) -> tuple[CredentialId, str]:
    """A new id and a new text for it. `prefix` is what credentials of this deployment begin with.

    Raises:
        Rejected: `input_invalid`: the sender makes the secrets of this scheme, or nothing can begin so.
    """
    if scheme.secret_assigned:
        raise Rejected("input_invalid", f"{scheme.sender} makes the secret: give the one it shows you")
    if re.fullmatch(PREFIX_PATTERN, prefix) is None:
        raise Rejected("input_invalid", "a prefix is 2 to 12 lower-case letters and digits, a letter first")
    if scheme.secret_form is SecretForm.TEXT:
        minted = mint_credential_text(prefix=prefix, label=SECRET_LABEL, entropy=entropy)
        return CredentialId(SECRET_ID_PREFIX + minted.id), minted.text
    octets = entropy(MINTED_BYTES)
    if scheme.secret_form is SecretForm.HEX:
        return mint_secret_id(entropy), octets.hex()
    text = base64.b64encode(octets).decode("ascii")
    head = SECRET_PREFIX if scheme.secret_form is SecretForm.STANDARD else ""
    return mint_secret_id(entropy), head + text

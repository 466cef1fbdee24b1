"""Identifiers that must not be mixed up. All are public: none of them proves anything."""

from typing import Final, NewType

__all__ = ["ID_PREFIXES_TAKEN", "AppId", "CredentialId", "MethodName", "OrganizationId"]

ID_PREFIXES_TAKEN: Final = ("app_", "whs_", "sig_")
"""How no id begins that somebody chooses and that becomes a principal's: it would be taken for an app or a credential
of the house."""

AppId = NewType("AppId", str)
"""`app_` and 12 base62 characters."""

CredentialId = NewType("CredentialId", str)
"""The public part of a credential: 12 base62 characters, unique over all credentials of a deployment."""

OrganizationId = NewType("OrganizationId", str)
"""A customer's tenant: 1 to 64 of `A-Z a-z 0-9 . _ -`."""

MethodName = NewType("MethodName", str)
"""`apikey`, `basic`, …: the name of a folder in `methods/`."""

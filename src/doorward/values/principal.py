"""Who was proven. A `Principal` is never a permission: what it may touch is decided in `access/`."""

from collections.abc import Mapping
from enum import StrEnum
from typing import final

import msgspec

from doorward.values.identifiers import CredentialId, MethodName, OrganizationId
from doorward.values.scopes import Scopes

__all__ = ["Environment", "Principal", "PrincipalKind", "RateLimit"]


class PrincipalKind(StrEnum):
    """What kind of being stands at the door. A key names an app, never a human."""

    PERSON = "person"
    APP = "app"
    WORKLOAD = "workload"


class Environment(StrEnum):
    """Which world a credential belongs to. A `test` credential never opens a `live` door, nor the reverse."""

    LIVE = "live"
    TEST = "test"


@final
class RateLimit(msgspec.Struct, frozen=True):
    """At most `requests` in any `window_s` seconds."""

    requests: int
    window_s: int


@final
class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who was proven, by which method, acting for whom, until when."""

    kind: PrincipalKind
    id: str
    """The app's, person's or workload's own id."""
    name: str
    """For people to read; never compared."""
    method: MethodName
    credential_id: CredentialId
    scopes: Scopes
    organization_id: OrganizationId | None = None
    environment: Environment | None = None
    not_after: int | None = None
    """Epoch seconds at which this proof ends (exclusive); None when it does not end by itself."""
    actor: "Principal | None" = None
    """Who is acting on the principal's behalf, when that is somebody else."""
    issuer: str | None = None
    """Who vouches for a token, exactly as its `iss` says; None for credentials of the store."""
    client_id: str | None = None
    """The OAuth client a token was issued to."""
    session_id: str | None = None
    """The sign-in a token comes from (`sid`)."""
    claims: Mapping[str, object] = msgspec.field(default_factory=dict)
    """Every claim of a verified token, as the issuer wrote it. Proven to be the issuer's words, not to be true."""
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)

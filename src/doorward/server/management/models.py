"""What the management API takes and gives, as Pydantic models: the OpenAPI description is made from these.

What comes in is strict (no number out of text) and closed (an unknown member is refused: it is a misspelt one). The
limits are those of `values/bounds.py`, said here so that callers can read them; the operations check again. What goes
out has no secret, except the two `…Issued` models, which are answered once.
"""

from typing import Annotated, Literal, final

from pydantic import BaseModel, ConfigDict, Field

from doorward.methods.apikey.config import EXPIRES_IN_S, EXPIRES_IN_S_MAX, OVERLAP_S, OVERLAP_S_MAX
from doorward.revocation.naming import ID_CHARACTERS_MAX, ISSUER_CHARACTERS_MAX
from doorward.values import Environment
from doorward.values.bounds import (
    METADATA_ENTRIES_MAX,
    METADATA_KEY_CHARACTERS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
    NAME_CHARACTERS_MAX,
    NETWORKS_MAX,
    RATE_REQUESTS_MAX,
    RATE_WINDOW_S_MAX,
    REASON_CHARACTERS_MAX,
)
from doorward.values.scopes import SCOPE_CHARACTERS_MAX, SCOPES_MAX

__all__ = [
    "AppAction",
    "AppOrderIn",
    "AppPage",
    "AppView",
    "EventPage",
    "EventView",
    "KeyAction",
    "KeyChangesIn",
    "KeyIssued",
    "KeyOrderIn",
    "KeyPage",
    "KeyRotation",
    "KeyView",
    "PasswordIssued",
    "PasswordOrderIn",
    "PasswordPage",
    "PasswordView",
    "Problem",
    "Rate",
    "RevocationIn",
    "RevocationView",
]

_Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
_Reason = Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX)]
_Scope = Annotated[str, Field(min_length=1, max_length=SCOPE_CHARACTERS_MAX, pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")]
_Scopes = Annotated[list[_Scope], Field(max_length=SCOPES_MAX)]
_Networks = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=NETWORKS_MAX)]
_MetadataKey = Annotated[str, Field(min_length=1, max_length=METADATA_KEY_CHARACTERS_MAX)]
_MetadataValue = Annotated[str, Field(max_length=METADATA_VALUE_CHARACTERS_MAX)]
_Metadata = Annotated[dict[_MetadataKey, _MetadataValue], Field(max_length=METADATA_ENTRIES_MAX)]
_AppId = Annotated[str, Field(min_length=1, max_length=64)]
_OrganizationId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
_PASSWORD_EXPIRES_IN_S_MAX = 366 * 86_400


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@final
class Rate(_In):
    """At most `requests` in any `window_s` seconds."""

    requests: Annotated[int, Field(ge=1, le=RATE_REQUESTS_MAX)]
    window_s: Annotated[int, Field(ge=1, le=RATE_WINDOW_S_MAX)]


@final
class AppOrderIn(_In):
    """A new app."""

    name: _Name
    organization_id: _OrganizationId | None = None
    metadata: _Metadata = {}


@final
class AppAction(_In):
    """Why an app is suspended, resumed or revoked."""

    reason: _Reason


@final
class KeyOrderIn(_In):
    """A new key. `expires_in_s` is seconds, or the word `never`, which must be said out loud."""

    app_id: _AppId
    name: _Name
    environment: Annotated[Environment, Field(strict=False)] | None = None
    scopes: _Scopes = []
    networks: _Networks = []
    rate: Rate | None = None
    expires_in_s: Annotated[int, Field(ge=1, le=EXPIRES_IN_S_MAX)] | Literal["never"] = EXPIRES_IN_S
    metadata: _Metadata = {}


@final
class KeyChangesIn(_In):
    """What shall be different; what is left out stays. `rate` null lifts the limit."""

    reason: _Reason
    name: _Name | None = None
    scopes: _Scopes | None = None
    networks: _Networks | None = None
    rate: Rate | None = None
    metadata: _Metadata | None = None


@final
class KeyRotation(_In):
    """Why, and how long the old key goes on working; 0 revokes it at once."""

    reason: _Reason
    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S


@final
class KeyAction(_In):
    """Why a credential is disabled, enabled or revoked."""

    reason: _Reason


@final
class PasswordOrderIn(_In):
    """A new app password; it always ends."""

    app_id: _AppId
    name: _Name
    scopes: _Scopes = []
    expires_in_s: Annotated[int, Field(ge=1, le=_PASSWORD_EXPIRES_IN_S_MAX)] = EXPIRES_IN_S


@final
class RevocationIn(_In):
    """What is taken back: by its public id, never by the token or key itself. `issuer`: whose it is, when not ours."""

    kind: Literal["subject", "token", "session", "grant", "client", "organization", "credential"]
    id: Annotated[str, Field(min_length=1, max_length=ID_CHARACTERS_MAX)]
    issuer: Annotated[str, Field(min_length=1, max_length=ISSUER_CHARACTERS_MAX)] | None = None
    reason: _Reason


@final
class AppView(_Out):
    """An app. Times are epoch seconds."""

    id: str
    name: str
    organization_id: str | None
    state: str
    created_at: int
    version: int
    metadata: dict[str, str]


class _CredentialView(_Out):
    id: str
    app_id: str
    app_name: str
    app_state: str
    organization_id: str | None
    name: str
    scopes: list[str]
    state: str
    created_at: int
    version: int
    last_used_at: int | None
    last_source: str | None
    use_count: int


class KeyView(_CredentialView):
    """A key without its secret. Times are epoch seconds; `expires_at` is exclusive, null means never."""

    prefix: str
    environment: str
    networks: list[str]
    rate: Rate | None
    expires_at: int | None
    rotated_from: str | None
    rotated_to: str | None
    metadata: dict[str, str]


@final
class KeyIssued(_Out):
    """A new key with its secret, which is shown this once."""

    key: KeyView
    secret: str


class PasswordView(_CredentialView):
    """An app password without its secret."""

    expires_at: int


@final
class PasswordIssued(_Out):
    """A new app password with its secret, which is shown this once. The user-id is the app's id."""

    password: PasswordView
    user_id: str
    secret: str


class _Page(_Out):
    next: str | None
    """Hand it back as `after` to go on; null at the end."""


@final
class AppPage(_Page):
    """Apps by id."""

    items: list[AppView]


@final
class KeyPage(_Page):
    """Keys by id."""

    items: list[KeyView]


@final
class PasswordPage(_Page):
    """App passwords by id."""

    items: list[PasswordView]


@final
class RevocationView(_Out):
    """What was revoked. `later_is_good`: whether what is issued from `revoked_at` on opens doors again.

    `kept_until` is when the feed may forget it, because nothing it names can be alive; null for a credential, which the
    store remembers. `keys`, `passwords` and `signature_keys` are how many of an organization went along.
    """

    kind: str
    id: str
    issuer: str | None
    revoked_at: int
    kept_until: int | None
    later_is_good: bool
    keys: int
    passwords: int
    signature_keys: int = 0


@final
class EventView(_Out):
    """What happened: who did what to which object."""

    sequence: int
    at: int
    action: str
    actor_kind: str
    actor_id: str
    actor_credential_id: str | None
    source: str | None
    object_kind: str
    object_id: str
    app_id: str | None
    organization_id: str | None
    outcome: str
    code: str | None
    reason: str | None
    details: dict[str, str | int | None]


@final
class EventPage(_Out):
    """Events in order; `next` is the sequence number to go on after."""

    items: list[EventView]
    next: int | None


@final
class Problem(_Out):
    """Every refusal: RFC 9457, media type `application/problem+json`."""

    type: str
    title: str
    status: int
    code: str
    missing_scopes: list[str] = []
    errors: list[dict[str, str]] = []

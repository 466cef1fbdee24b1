"""What the management API takes and gives, as Pydantic models: the OpenAPI description is made from these.

What comes in is strict (no number out of text) and closed (an unknown member is refused: it is a misspelt one). The
limits are those of `values/bounds.py`, said here so that callers can read them; the operations check again. What goes
out has no secret, except the `…Issued` models, which are answered once.
"""

from typing import Annotated, Final, Literal, final

from pydantic import Field

from doorward.methods.apikey.config import EXPIRES_IN_S, EXPIRES_IN_S_MAX, OVERLAP_S, OVERLAP_S_MAX
from doorward.revocation.naming import ID_CHARACTERS_MAX, ISSUER_CHARACTERS_MAX
from doorward.server.management.shapes import (
    AppIdText,
    CredentialView,
    Incoming,
    MetadataMap,
    NameText,
    NetworkList,
    OrganizationIdText,
    Outgoing,
    Page,
    Rate,
    ReasonText,
    RotatableView,
    ScopeList,
)
from doorward.values import Environment

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
    "RevocationIn",
    "RevocationView",
]

_PASSWORD_EXPIRES_IN_S_MAX: Final = 366 * 86_400


@final
class AppOrderIn(Incoming):
    """A new app."""

    name: NameText
    organization_id: OrganizationIdText | None = None
    metadata: MetadataMap = Field(default_factory=dict)


@final
class AppAction(Incoming):
    """Why an app is suspended, resumed or revoked."""

    reason: ReasonText


@final
class KeyOrderIn(Incoming):
    """A new key. `expires_in_s` is seconds, or the word `never`, which must be said out loud."""

    app_id: AppIdText
    name: NameText
    environment: Annotated[Environment, Field(strict=False)] | None = None
    scopes: ScopeList = Field(default_factory=list)
    networks: NetworkList = Field(default_factory=list)
    rate: Rate | None = None
    expires_in_s: Annotated[int, Field(ge=1, le=EXPIRES_IN_S_MAX)] | Literal["never"] = EXPIRES_IN_S
    metadata: MetadataMap = Field(default_factory=dict)


@final
class KeyChangesIn(Incoming):
    """What shall be different; what is left out stays. `rate` null lifts the limit."""

    reason: ReasonText
    name: NameText | None = None
    scopes: ScopeList | None = None
    networks: NetworkList | None = None
    rate: Rate | None = None
    metadata: MetadataMap | None = None


@final
class KeyRotation(Incoming):
    """Why, and how long the old key goes on working; 0 revokes it at once."""

    reason: ReasonText
    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S


@final
class KeyAction(Incoming):
    """Why a credential is disabled, enabled or revoked."""

    reason: ReasonText


@final
class PasswordOrderIn(Incoming):
    """A new app password; it always ends."""

    app_id: AppIdText
    name: NameText
    scopes: ScopeList = Field(default_factory=list)
    expires_in_s: Annotated[int, Field(ge=1, le=_PASSWORD_EXPIRES_IN_S_MAX)] = EXPIRES_IN_S


@final
class RevocationIn(Incoming):
    """What is taken back: by its public id, never by the token or key itself. `issuer`: whose it is, when not ours."""

    kind: Literal["subject", "token", "session", "grant", "client", "organization", "credential"]
    id: Annotated[str, Field(min_length=1, max_length=ID_CHARACTERS_MAX)]
    issuer: Annotated[str, Field(min_length=1, max_length=ISSUER_CHARACTERS_MAX)] | None = None
    reason: ReasonText


@final
class AppView(Outgoing):
    """An app. Times are epoch seconds."""

    id: str
    name: str
    organization_id: str | None
    state: str
    created_at: int
    version: int
    metadata: dict[str, str]


class KeyView(RotatableView):
    """A key without its secret. Times are epoch seconds; `expires_at` is exclusive, null means never."""

    prefix: str
    environment: str


@final
class KeyIssued(Outgoing):
    """A new key with its secret, which is shown this once."""

    key: KeyView
    secret: str


class PasswordView(CredentialView):
    """An app password without its secret."""

    expires_at: int


@final
class PasswordIssued(Outgoing):
    """A new app password with its secret, which is shown this once. The user-id is the app's id."""

    password: PasswordView
    user_id: str
    secret: str


@final
class AppPage(Page):
    """Apps by id."""

    items: list[AppView]


@final
class KeyPage(Page):
    """Keys by id."""

    items: list[KeyView]


@final
class PasswordPage(Page):
    """App passwords by id."""

    items: list[PasswordView]


@final
class RevocationView(Outgoing):
    """What was revoked. `later_is_good`: whether what is issued from `revoked_at` on opens doors again.

    `kept_until` is when the feed may forget it, because nothing it names can be alive; null for a credential, which the
    store remembers. `keys`, `passwords`, `signature_keys` and `webhook_secrets` are how many of an organization went
    along: the secrets of its senders are erased, and they must be asked for others.
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
    webhook_secrets: int = 0


@final
class EventView(Outgoing):
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
class EventPage(Outgoing):
    """Events in order; `next` is the sequence number to go on after."""

    items: list[EventView]
    next: int | None


@final
class Problem(Outgoing):
    """Every refusal: RFC 9457, media type `application/problem+json`."""

    type: str
    title: str
    status: int
    code: str
    missing_scopes: list[str] = Field(default_factory=list)
    errors: list[dict[str, str]] = Field(default_factory=list)

"""What the management API takes and gives about senders of webhooks and their secrets. See `models.py`.

A secret comes in as a `SecretStr`, so that no `repr` shows it, and goes out in `WebhookSecretIssued` alone,
once, and only when it was made here.
"""

from typing import Annotated, Final, Literal, final, get_args

from pydantic import Field, SecretStr

from doorward.methods.webhook.config import OVERLAP_S, OVERLAP_S_MAX, SENDER_NAME
from doorward.methods.webhook.schemes import SCHEMES
from doorward.server.management.shapes import Incoming, Moment, OrganizationIdText, Outgoing, Page, ReasonText

__all__ = [
    "WebhookRotation",
    "WebhookSecretIssued",
    "WebhookSecretList",
    "WebhookSecretOrderIn",
    "WebhookSecretRetirement",
    "WebhookSecretView",
    "WebhookSenderOrderIn",
    "WebhookSenderPage",
    "WebhookSenderView",
]

SECRET_TEXT_CHARACTERS_MAX: Final = 1_024
"""How long the text of a secret may be: 512 bytes in hex."""

_SecretText = Annotated[SecretStr, Field(min_length=1, max_length=SECRET_TEXT_CHARACTERS_MAX)]
_SenderName = Annotated[str, Field(pattern=f"^{SENDER_NAME.pattern}$")]
_SchemeName = Literal["standard", "svix", "stripe", "github", "slack", "shopify", "twilio", "plain"]
assert set(get_args(_SchemeName)) == set(SCHEMES), "a scheme that cannot be ordered"


@final
class WebhookSenderOrderIn(Incoming):
    """A new sender, without a secret. The doors of its endpoint name it: `Webhooks(store, sender=…, scheme=…)`."""

    name: _SenderName
    scheme: _SchemeName
    organization_id: OrganizationIdText | None = None


@final
class WebhookSecretOrderIn(Incoming):
    """A new secret. Left out, `secret` is made here, where the scheme lets the receiver choose.

    Times are epoch seconds: active from `not_before` (null: now) up to `not_after`, itself excluded (null: for ever).
    """

    secret: _SecretText | None = None
    not_before: Moment | None = None
    not_after: Moment | None = None


@final
class WebhookRotation(Incoming):
    """A new secret from now on, and how long the active ones go on working; 0 retires them at once."""

    reason: ReasonText
    secret: _SecretText | None = None
    overlap_s: Annotated[int, Field(ge=0, le=OVERLAP_S_MAX)] = OVERLAP_S


@final
class WebhookSecretRetirement(Incoming):
    """Why a secret is retired. `anyway`: also when a delivery may be lost by it."""

    reason: ReasonText
    anyway: bool = False


@final
class WebhookSenderView(Outgoing):
    """A sender. Times are epoch seconds; `version` moves on with every change of its secrets."""

    name: str
    scheme: str
    organization_id: str | None
    created_at: int
    version: int


@final
class WebhookSenderPage(Page):
    """Senders by name."""

    items: list[WebhookSenderView]


@final
class WebhookSecretView(Outgoing):
    """A secret without its text, and when it matched last.

    `retirable`: no delivery is lost when it is retired, as far as its use and that of the others tells. Use is counted
    at most once a minute; what is not counted yet is never taken for none.
    """

    id: str
    sender: str
    state: str
    active: bool
    created_at: int
    not_before: int | None
    not_after: int | None
    version: int
    last_used_at: int | None
    use_count: int
    retirable: bool


@final
class WebhookSecretIssued(Outgoing):
    """A new secret. `secret` is its text, shown this once when it was made here, and null when it was given."""

    webhook_secret: WebhookSecretView
    secret: str | None


@final
class WebhookSecretList(Outgoing):
    """The secrets of a sender, oldest first, retired ones too; the newest thousand."""

    items: list[WebhookSecretView]

"""Webhooks as the pipeline sees them: one sender, whose deliveries are proven whole and handled once.

Rules of this file:

* The signature header decides whether a delivery is presented; its form is judged before a byte of the body is read.
* A delivery is claimed by the sender's name, not by the secret that matched: while two secrets are active, what the
  sender has signed with both is one delivery wherever an id is signed or a header may carry both signatures. Where it
  may carry one (GitHub, Slack, Shopify, Twilio, `plain`) only the sender can sign it anew, and that is another one.
* What a sender signs is kept in mind for longer than it is fresh, by the slack two clocks may have between them.
* A proof rests on the sender as well as on the secret that matched: what is loaded is all of the sender's secrets, and
  a change of any of them must have it loaded again.
"""

import logging
from typing import Final, Protocol, final

from doorward.errors import Misconfigured, Unavailable
from doorward.methods.claims import CLOCK_SLACK_S, Claim
from doorward.methods.contract import OpenApiScheme, Presented, Verified
from doorward.methods.plane import Plane, plane_of
from doorward.methods.webhook.config import SECRETS_AGE_S_MAX, WebhookConfig
from doorward.methods.webhook.secrets import WebhookSecret, require_few_active
from doorward.methods.webhook.senders import SecretSource, sender_handle
from doorward.methods.webhook.verify import VerifiedDelivery, verify_presented
from doorward.methods.webhook.wire import PresentedDelivery, parse_delivery
from doorward.values import (
    CredentialId,
    FeedKind,
    Handle,
    MethodName,
    OrganizationId,
    Principal,
    PrincipalKind,
    Scopes,
)
from doorward.wire.challenge import build_challenge
from doorward.wire.request import RequestView

__all__ = ["METHOD", "LoadedSecrets", "PresentedWebhook", "WebhookDeliveries", "WebhookStore"]

METHOD: Final = MethodName("webhook")
TOLD_EVERY_S: Final = 60
"""How often it is logged at most that a sender's secrets cannot be used."""
_LOG: Final = logging.getLogger("doorward.webhook")
UNDATED_PARTS: Final = 30
"""A delivery whose time is not signed is kept in mind for longer each time it comes, counted in so many parts."""
_CHALLENGES: Final = (build_challenge("Webhook", realm="doorward"),)


class WebhookStore(Protocol):
    """What is needed of a store: where deliveries are claimed, and what tells that a secret was taken back."""

    @property
    def plane(self) -> Plane:
        """What the methods of the store share."""
        ...


@final
class PresentedWebhook(Presented, frozen=True):
    """A delivery whose headers are of the scheme's form. `lookup_id` is the sender this door is for.

    `delivery` is what they say, bounded as they are; its signatures are never shown.
    """

    delivery: PresentedDelivery


@final
class LoadedSecrets:
    """The secrets of the sender. Never shown."""

    __slots__ = ("secrets",)

    def __init__(self, secrets: tuple[WebhookSecret, ...]) -> None:
        self.secrets: Final = secrets

    @property
    def organization_id(self) -> OrganizationId | None:
        """Whose the sender is, when it is a customer's."""
        return self.secrets[0].organization_id if self.secrets else None

    def __repr__(self) -> str:
        return f"LoadedSecrets({len(self.secrets)})"


@final
class WebhookDeliveries:
    """Admits the deliveries of one sender, each once. Made by `doorward.Webhooks`. Use is counted when `counts_use`:
    where the secrets are the store's, so that its lists can say which one still matches.
    """

    __slots__ = (
        "_handle",
        "_source",
        "_told_at",
        "bearer_carried",
        "body_bytes_max",
        "config",
        "counts_use",
        "name",
        "plane",
        "record_age_s_max",
    )

    def __init__(
        self, store: WebhookStore, config: WebhookConfig, source: SecretSource, *, counts_use: bool = False
    ) -> None:
        self.config: Final = config
        self.name: Final = METHOD
        self.plane: Final[Plane | None] = plane_of(store)
        self.bearer_carried: Final = False
        self.counts_use: Final = counts_use
        self.body_bytes_max: Final = config.body_bytes_max
        # A new secret is known a minute later at most, without a failure having to ask for it; sooner where the secrets
        # are the store's, by the feed.
        self.record_age_s_max: Final = SECRETS_AGE_S_MAX
        self._source: Final = source
        self._handle: Final = sender_handle(config.sender)
        self._told_at = 0

    def __repr__(self) -> str:
        return f"WebhookDeliveries(scheme={self.config.scheme.name!r}, sender={self.config.sender!r})"

    def extract(self, request: RequestView) -> PresentedWebhook | None:
        """A delivery, when the scheme's signature header is there.

        Raises:
            Rejected: `header_repeated`, `webhook_malformed`.
        """
        delivery = parse_delivery(self.config.scheme, request.headers)
        return None if delivery is None else PresentedWebhook(CredentialId(self.config.sender), delivery)

    async def load(self, presented: PresentedWebhook) -> LoadedSecrets | None:
        """The sender's secrets.

        Raises:
            Unavailable: `store_unavailable`; `secrets_unavailable` when they cannot be used: that is ours to mend, and
                the sender, who is told to try again, loses nothing by it. What is wrong is logged.
        """
        assert self.plane is not None, "a store is asked for its plane when the method is made"
        now = int(self.plane.clock())
        try:
            secrets = await self._source.find_secrets(presented.lookup_id)
            require_few_active(secrets, now)
        except Misconfigured as error:
            self._tell(error, now)
            raise Unavailable("secrets_unavailable", str(error)) from None
        return LoadedSecrets(secrets)

    def _tell(self, error: Misconfigured, now: int) -> None:
        # Anybody can send something that looks like a delivery; he must not be able to fill the log with it.
        if abs(now - self._told_at) >= TOLD_EVERY_S:
            self._told_at = now
            _LOG.error("the secrets of the sender %s cannot be used: %s", self.config.sender, error)

    def verify(
        self, presented: PresentedWebhook, record: LoadedSecrets | None, request: RequestView, now: int
    ) -> Verified:
        """See `verify.verify_presented`."""
        config = self.config
        assert request.body is not None, "a method that reads the body is given it"
        delivery = verify_presented(
            config.scheme,
            () if record is None else record.secrets,
            presented.delivery,
            request.headers,
            request.body,
            now=now,
            url=None if config.base_url is None else config.base_url + request.raw_target.decode("latin-1"),
            tolerance_s=config.tolerance_s,
        )
        organization_id = None if record is None else record.organization_id
        handles = (self._handle, Handle(FeedKind.CREDENTIAL, delivery.secret_id))
        return Verified(
            principal=_principal(config, delivery, organization_id),
            handles=handles if organization_id is None else (*handles, Handle(FeedKind.ORGANIZATION, organization_id)),
            claim=_claim(config, delivery, now),
        )

    def challenges(self, request: RequestView | None) -> tuple[bytes, ...]:  # noqa: ARG002  # the same by any way
        """`Webhook`: a delivery must be signed."""
        return _CHALLENGES

    def openapi_schemes(self) -> tuple[OpenApiScheme, ...]:
        """The signature header."""
        scheme = {"type": "apiKey", "in": "header", "name": self.config.scheme.signature_header}
        return (OpenApiScheme(f"webhook_{self.config.scheme.name}", scheme),)


def _principal(config: WebhookConfig, delivery: VerifiedDelivery, organization_id: OrganizationId | None) -> Principal:
    told = {
        "scheme": config.scheme.name,
        "secret_id": delivery.secret_id,
        "delivery_id": delivery.delivery_id,
        "unsigned_id": delivery.unsigned_id,
        "timestamp": None if delivery.timestamp is None else str(delivery.timestamp),
    }
    return Principal(
        kind=PrincipalKind.APP,
        id=config.sender,
        name=config.sender,
        method=METHOD,
        credential_id=CredentialId(delivery.secret_id),
        scopes=Scopes(),
        organization_id=organization_id,
        metadata={name: value for name, value in told.items() if value is not None},
    )


def _claim(config: WebhookConfig, delivery: VerifiedDelivery, now: int) -> Claim:
    if delivery.timestamp is None:
        lifetime_s = config.undated_kept_s
        needed_s = lifetime_s - lifetime_s // UNDATED_PARTS
    else:
        lifetime_s = delivery.claim_lifetime_s
        needed_s = delivery.timestamp + config.tolerance_s - now
    return Claim(
        owner=f"{METHOD} {config.sender}",
        key=delivery.claim_key,
        keep_until=now + lifetime_s + CLOCK_SLACK_S,
        lease_s=config.lease_s,
        kept_s=lifetime_s + CLOCK_SLACK_S,
        needed_until=now + needed_s + CLOCK_SLACK_S,
    )

"""From records to what is shown. Digests and what is sealed stay behind."""

from collections.abc import Sequence
from typing import TypedDict

from doorward.apps.port import AppRecord
from doorward.audit.port import StoredEvent
from doorward.methods.apikey.port import KeyRecord
from doorward.methods.basic.port import PasswordRecord
from doorward.methods.owned_credential import OwnedCredential
from doorward.methods.rotation import RotatableCredential
from doorward.methods.signature.port import SignatureKeyRecord
from doorward.methods.webhook.needed import needed_because
from doorward.methods.webhook.port import SecretRecord, SecretState, SenderRecord
from doorward.server.management.models import AppView, EventView, KeyView, PasswordView
from doorward.server.management.shapes import Rate
from doorward.server.management.signature_models import SignatureKeyView
from doorward.server.management.webhook_models import WebhookSecretView, WebhookSenderView

__all__ = [
    "view_app",
    "view_event",
    "view_key",
    "view_password",
    "view_signature_key",
    "view_webhook_secret",
    "view_webhook_sender",
]


def view_app(record: AppRecord) -> AppView:
    """An app."""
    return AppView(
        id=record.id,
        name=record.name,
        organization_id=record.organization_id,
        state=record.state.value,
        created_at=record.created_at,
        version=record.version,
        metadata=dict(record.metadata),
    )


def view_key(record: KeyRecord) -> KeyView:
    """A key."""
    return KeyView(**_rotatable(record), prefix=record.prefix, environment=record.environment.value)


def view_password(record: PasswordRecord) -> PasswordView:
    """An app password."""
    return PasswordView(**_credential(record), expires_at=record.expires_at)


def view_signature_key(record: SignatureKeyRecord) -> SignatureKeyView:
    """A key that requests are signed with; of a secret nothing."""
    public = record.public_jwk
    return SignatureKeyView(
        **_rotatable(record), algorithm=record.algorithm.value, public_jwk=None if public is None else dict(public)
    )


def view_webhook_sender(record: SenderRecord) -> WebhookSenderView:
    """A sender of webhooks."""
    return WebhookSenderView(
        name=record.name,
        scheme=record.scheme,
        organization_id=record.organization_id,
        created_at=record.created_at,
        version=record.version,
    )


def view_webhook_secret(record: SecretRecord, secrets: Sequence[SecretRecord], now: int) -> WebhookSecretView:
    """A secret of a sender, without its text. `secrets` are the sender's."""
    is_held = record.state is not SecretState.RETIRED
    return WebhookSecretView(
        id=record.id,
        sender=record.sender,
        state=record.state.value,
        active=record.is_active(now),
        created_at=record.created_at,
        not_before=record.not_before,
        not_after=record.not_after,
        version=record.version,
        last_used_at=record.last_used_at,
        use_count=record.use_count,
        retirable=is_held and needed_because(secrets, record, now) is None,
    )


def view_event(stored: StoredEvent) -> EventView:
    """An audit event."""
    event = stored.event
    return EventView(
        sequence=stored.sequence,
        at=event.at,
        action=event.action,
        actor_kind=event.actor.kind,
        actor_id=event.actor.id,
        actor_credential_id=event.actor.credential_id,
        source=event.actor.source,
        object_kind=event.object_kind,
        object_id=event.object_id,
        app_id=event.app_id,
        organization_id=event.organization_id,
        outcome=event.outcome,
        code=event.code,
        reason=event.reason,
        details=dict(event.details),
    )


class _Credential(TypedDict):
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


class _Rotatable(_Credential):
    networks: list[str]
    rate: Rate | None
    expires_at: int | None
    rotated_from: str | None
    rotated_to: str | None
    metadata: dict[str, str]


def _credential(record: OwnedCredential) -> _Credential:
    return {
        "id": record.id,
        "app_id": record.app_id,
        "app_name": record.app_name,
        "app_state": record.app_state,
        "organization_id": record.organization_id,
        "name": record.name,
        "scopes": list(record.scopes),
        "state": record.state.value,
        "created_at": record.created_at,
        "version": record.version,
        "last_used_at": record.last_used_at,
        "last_source": record.last_source,
        "use_count": record.use_count,
    }


def _rotatable(record: RotatableCredential) -> _Rotatable:
    rate = record.rate
    return {
        **_credential(record),
        "networks": list(record.networks),
        "rate": None if rate is None else Rate(requests=rate.requests, window_s=rate.window_s),
        "expires_at": record.expires_at,
        "rotated_from": record.rotated_from,
        "rotated_to": record.rotated_to,
        "metadata": dict(record.metadata),
    }

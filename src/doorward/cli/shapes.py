"""The JSON shapes programs get: those of the management API, so that a program can move from one to the other.

Members are added, never renamed or removed; times are epoch seconds. No secret is in any of them but `secret` in the
`issued_…` shapes, once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from doorward.apps.port import AppRecord
from doorward.audit.log_lines import VerificationRecord
from doorward.audit.port import StoredEvent
from doorward.methods.apikey.port import KeyRecord
from doorward.methods.basic.port import PasswordRecord
from doorward.methods.rotation import RotatableCredential
from doorward.methods.signature.order import IssuedSignatureKey
from doorward.methods.signature.port import SignatureKeyRecord
from doorward.methods.webhook.needed import needed_because
from doorward.methods.webhook.port import SecretRecord, SecretState, SenderRecord
from doorward.values import RateLimit

__all__ = [
    "app_shape",
    "event_shape",
    "issued_key_shape",
    "issued_password_shape",
    "issued_signature_key_shape",
    "issued_webhook_secret_shape",
    "key_shape",
    "key_start",
    "password_shape",
    "signature_key_shape",
    "usage_shape",
    "verification_shape",
    "webhook_secret_shape",
    "webhook_sender_shape",
]

Shape = Mapping[str, Any]  # Any: JSON


def app_shape(record: AppRecord) -> Shape:
    """An app."""
    return {
        "id": record.id,
        "name": record.name,
        "organization_id": record.organization_id,
        "state": record.state.value,
        "created_at": record.created_at,
        "version": record.version,
        "metadata": dict(record.metadata),
    }


def key_shape(record: KeyRecord) -> Shape:
    """An API key, without its secret."""
    return {
        "id": record.id,
        "prefix": record.prefix,
        **_owner(record),
        "environment": record.environment.value,
        **_grants(record),
    }


def signature_key_shape(record: SignatureKeyRecord) -> Shape:
    """A signature key, without its secret; `public_jwk` is null when it has one."""
    jwk = record.public_jwk
    return {
        "id": record.id,
        **_owner(record),
        "algorithm": record.algorithm.value,
        "public_jwk": None if jwk is None else dict(jwk),
        **_grants(record),
    }


def issued_signature_key_shape(issued: IssuedSignatureKey, jwk_file: Path | None) -> Shape:
    """A new signature key with its secret in base64, or with the file it was written to."""
    where = {"secret": issued.text()} if jwk_file is None else {"jwk_file": str(jwk_file)}
    return {"key": signature_key_shape(issued.record), **where}


def _owner(record: RotatableCredential) -> dict[str, Any]:  # Any: JSON
    return {
        "app_id": record.app_id,
        "app_name": record.app_name,
        "app_state": record.app_state,
        "organization_id": record.organization_id,
        "name": record.name,
    }


def _grants(record: RotatableCredential) -> dict[str, Any]:  # Any: JSON
    return {
        "scopes": list(record.scopes),
        "networks": list(record.networks),
        "rate": _rate(record.rate),
        "state": record.state.value,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "rotated_from": record.rotated_from,
        "rotated_to": record.rotated_to,
        "last_used_at": record.last_used_at,
        "last_source": record.last_source,
        "use_count": record.use_count,
        "version": record.version,
        "metadata": dict(record.metadata),
    }


def issued_key_shape(record: KeyRecord, secret: str) -> Shape:
    """A new key with its secret."""
    return {"key": key_shape(record), "secret": secret}


def key_start(record: KeyRecord) -> str:
    """How the key begins, as lists show it: everything before the secret."""
    return f"{record.prefix}_{record.environment.value}_{record.id}"


def password_shape(record: PasswordRecord) -> Shape:
    """An app password, without its secret."""
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
        "expires_at": record.expires_at,
        "last_used_at": record.last_used_at,
        "last_source": record.last_source,
        "use_count": record.use_count,
        "version": record.version,
    }


def issued_password_shape(record: PasswordRecord, secret: str) -> Shape:
    """A new app password with its secret; `user_id` is what goes before the colon."""
    return {"password": password_shape(record), "user_id": record.app_id, "secret": secret}


def usage_shape(record: PasswordRecord) -> Shape:
    """Who uses Basic: the part of a password's shape that says so."""
    return {
        "app_id": record.app_id,
        "app_name": record.app_name,
        "password_id": record.id,
        "password_name": record.name,
        "state": record.state.value,
        "last_used_at": record.last_used_at,
        "last_source": record.last_source,
        "use_count": record.use_count,
        "expires_at": record.expires_at,
    }


def webhook_sender_shape(record: SenderRecord) -> Shape:
    """A sender of webhooks."""
    return {
        "name": record.name,
        "scheme": record.scheme,
        "organization_id": record.organization_id,
        "created_at": record.created_at,
        "version": record.version,
    }


def webhook_secret_shape(record: SecretRecord, held: Sequence[SecretRecord], now: int) -> Shape:
    """A secret of a sender, without its text. `held` are those of the sender that are not retired.

    `retirable`: no delivery is lost when it is retired, as far as its use of the last day tells.
    """
    is_held = record.state is not SecretState.RETIRED
    return {
        "id": record.id,
        "sender": record.sender,
        "state": record.state.value,
        "active": record.is_active(now),
        "created_at": record.created_at,
        "not_before": record.not_before,
        "not_after": record.not_after,
        "last_used_at": record.last_used_at,
        "use_count": record.use_count,
        "retirable": is_held and needed_because(held, record, now) is None,
        "version": record.version,
    }


def issued_webhook_secret_shape(
    record: SecretRecord, held: Sequence[SecretRecord], text: str | None, now: int
) -> Shape:
    """A new secret; with its text when it was made here, and None when it was given."""
    return {"webhook_secret": webhook_secret_shape(record, held, now), "secret": text}


def event_shape(stored: StoredEvent) -> Shape:
    """An event of the change chain."""
    event = stored.event
    return {
        "sequence": stored.sequence,
        "at": event.at,
        "action": event.action,
        "actor_kind": event.actor.kind,
        "actor_id": event.actor.id,
        "actor_credential_id": event.actor.credential_id,
        "source": event.actor.source,
        "object_kind": event.object_kind,
        "object_id": event.object_id,
        "app_id": event.app_id,
        "organization_id": event.organization_id,
        "outcome": event.outcome,
        "code": event.code,
        "reason": event.reason,
        "details": dict(event.details),
    }


def verification_shape(record: VerificationRecord) -> Shape:
    """A decision; `code` null means admitted."""
    return {
        "at": record.at,
        "method": record.method,
        "credential_id": record.credential_id,
        "app_id": record.app_id,
        "organization_id": record.organization_id,
        "source": record.source,
        "code": record.code,
        "request": record.request,
    }


def _rate(rate: RateLimit | None) -> Shape | None:
    return None if rate is None else {"requests": rate.requests, "window_s": rate.window_s}

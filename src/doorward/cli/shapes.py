"""The JSON shapes programs get. Members are added, never renamed or removed; times are epoch seconds.

No secret is in any of them but the one member a creating command adds, once: `key` or `password`.
"""

from collections.abc import Mapping
from typing import Any

from doorward.apps.port import AppRecord
from doorward.audit.port import StoredEvent
from doorward.methods.apikey.port import KeyRecord
from doorward.methods.basic.port import PasswordRecord
from doorward.values import RateLimit

__all__ = ["app_shape", "event_shape", "key_shape", "key_start", "password_shape", "usage_shape"]

Shape = Mapping[str, Any]  # Any: JSON


def app_shape(record: AppRecord) -> Shape:
    """An app."""
    return {
        "id": record.id,
        "name": record.name,
        "organization_id": record.organization_id,
        "state": record.state.value,
        "created_at": record.created_at,
        "metadata": dict(record.metadata),
    }


def key_shape(record: KeyRecord) -> Shape:
    """An API key, without its secret. `key_start` is how the key begins: prefix, environment and id."""
    return {
        "id": record.id,
        "key_start": key_start(record),
        "app_id": record.app_id,
        "app_name": record.app_name,
        "app_state": record.app_state,
        "organization_id": record.organization_id,
        "name": record.name,
        "environment": record.environment.value,
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
        "metadata": dict(record.metadata),
    }


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
    }


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


def event_shape(stored: StoredEvent) -> Shape:
    """An event of the change chain with its place in it; links are hexadecimal."""
    event = stored.event
    return {
        "sequence": stored.sequence,
        "at": event.at,
        "action": event.action,
        "outcome": event.outcome,
        "code": event.code,
        "actor": {
            "kind": event.actor.kind,
            "id": event.actor.id,
            "credential_id": event.actor.credential_id,
            "source": event.actor.source,
        },
        "object": {"kind": event.object_kind, "id": event.object_id},
        "app_id": event.app_id,
        "organization_id": event.organization_id,
        "reason": event.reason,
        "details": dict(event.details),
        "link": stored.link.hex(),
    }


def _rate(rate: RateLimit | None) -> Shape | None:
    return None if rate is None else {"requests": rate.requests, "window_s": rate.window_s}

"""The words every room shares: frozen values, no behaviour beyond their own consistency, no I/O."""

from doorward.values.change import (
    Actor,
    Change,
    ChangePort,
    Delivery,
    Event,
    FeedKind,
    Handle,
    Revocation,
    Write,
)
from doorward.values.clock import Clock, Entropy
from doorward.values.identifiers import AppId, CredentialId, MethodName, OrganizationId
from doorward.values.principal import Environment, Principal, PrincipalKind, RateLimit
from doorward.values.scopes import Scopes

__all__ = [
    "Actor",
    "AppId",
    "Change",
    "ChangePort",
    "Clock",
    "CredentialId",
    "Delivery",
    "Entropy",
    "Environment",
    "Event",
    "FeedKind",
    "Handle",
    "MethodName",
    "OrganizationId",
    "Principal",
    "PrincipalKind",
    "RateLimit",
    "Revocation",
    "Scopes",
    "Write",
]

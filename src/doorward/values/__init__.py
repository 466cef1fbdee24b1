"""The words every room shares: frozen values, no behaviour beyond their own consistency, no I/O."""

from doorward.values.change import (
    EPOCH_KINDS,
    Actor,
    Change,
    ChangePort,
    Delivery,
    Event,
    FeedKind,
    Handle,
    RestsOn,
    Revocation,
    Write,
)
from doorward.values.clock import Clock, Entropy
from doorward.values.identifiers import ID_PREFIXES_TAKEN, AppId, CredentialId, MethodName, OrganizationId
from doorward.values.principal import Environment, Principal, PrincipalKind, RateLimit
from doorward.values.scopes import Scopes
from doorward.values.watermark import IssuedAbroad, Since, Watermark

__all__ = [
    "EPOCH_KINDS",
    "ID_PREFIXES_TAKEN",
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
    "IssuedAbroad",
    "MethodName",
    "OrganizationId",
    "Principal",
    "PrincipalKind",
    "RateLimit",
    "RestsOn",
    "Revocation",
    "Scopes",
    "Since",
    "Watermark",
    "Write",
]

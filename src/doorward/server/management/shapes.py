"""What the models of the management API are made of: texts with their limits, and what several models share."""

from typing import Annotated, final

from pydantic import BaseModel, ConfigDict, Field

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
    "AppIdText",
    "CredentialView",
    "Incoming",
    "MetadataMap",
    "Moment",
    "NameText",
    "NetworkList",
    "OrganizationIdText",
    "Outgoing",
    "Page",
    "Rate",
    "ReasonText",
    "RotatableView",
    "ScopeList",
]

NameText = Annotated[str, Field(min_length=1, max_length=NAME_CHARACTERS_MAX)]
ReasonText = Annotated[str, Field(min_length=1, max_length=REASON_CHARACTERS_MAX)]
AppIdText = Annotated[str, Field(min_length=1, max_length=64)]
OrganizationIdText = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Moment = Annotated[int, Field(ge=0, le=2**53)]
_Scope = Annotated[str, Field(min_length=1, max_length=SCOPE_CHARACTERS_MAX, pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")]
ScopeList = Annotated[list[_Scope], Field(max_length=SCOPES_MAX)]
NetworkList = Annotated[list[Annotated[str, Field(min_length=1, max_length=64)]], Field(max_length=NETWORKS_MAX)]
_MetadataKey = Annotated[str, Field(min_length=1, max_length=METADATA_KEY_CHARACTERS_MAX)]
_MetadataValue = Annotated[str, Field(max_length=METADATA_VALUE_CHARACTERS_MAX)]
MetadataMap = Annotated[dict[_MetadataKey, _MetadataValue], Field(max_length=METADATA_ENTRIES_MAX)]


class Incoming(BaseModel):
    """What a caller sends: strict and closed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class Outgoing(BaseModel):
    """What is answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@final
class Rate(Incoming):
    """At most `requests` in any `window_s` seconds."""

    requests: Annotated[int, Field(ge=1, le=RATE_REQUESTS_MAX)]
    window_s: Annotated[int, Field(ge=1, le=RATE_WINDOW_S_MAX)]


class CredentialView(Outgoing):
    """What every credential of an app shows. Times are epoch seconds."""

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


class RotatableView(CredentialView):
    """What every key shows besides. `expires_at` is exclusive, null means never."""

    networks: list[str]
    rate: Rate | None
    expires_at: int | None
    rotated_from: str | None
    rotated_to: str | None
    metadata: dict[str, str]


class Page(Outgoing):
    """One page of a list."""

    next: str | None
    """Hand it back as `after` to go on; null at the end."""

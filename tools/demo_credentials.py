"""The credentials of the demo, made over HTTP through the management API with the administrator's key.

The counterfeits are made here from the published form of a key, without Doorward's own code.
"""

import secrets
import string
from binascii import crc32
from collections import Counter
from typing import Any, Final, NamedTuple

import httpx2

__all__ = ["Credentials", "counterfeit", "make_credentials", "unknown_key"]

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BECAUSE: Final = "to show it in the demo"


class Credentials(NamedTuple):
    """Texts by what they are there to show."""

    app_id: str
    reading: str
    writing: str
    expired: str
    disabled: str
    revoked: str
    test: str
    elsewhere: str
    limited: str
    suspended: str
    rotated_old: str
    rotated_new: str
    leaked_old: str
    leaked_new: str
    password: str
    password_writing: str
    password_expired: str
    password_revoked: str
    doomed: str
    doomed_id: str
    shelf: str
    """Lets the shelf follow the feed of revocations."""
    expire_at: int
    summary: str
    """How many of what was made, in words."""


class _Office:
    """Asks the management API for things."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client: Final = client
        self.made: Final[Counter[str]] = Counter()

    def post(self, path: str, **body: object) -> Any:  # Any: JSON
        answer = self._client.post(f"/api/v1{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def app(self, name: str) -> str:
        self.made["apps"] += 1
        app_id: str = self.post("/apps", name=name)["id"]
        return app_id

    def key(self, app_id: str, name: str, **more: object) -> tuple[str, str]:
        self.made["keys"] += 1
        order = {"scopes": ["orders:read"], **more}
        issued = self.post("/keys", app_id=app_id, name=name, **order)
        return issued["key"]["id"], issued["secret"]

    def rotated(self, app_id: str, name: str, overlap_s: int) -> tuple[str, str]:
        key_id, old = self.key(app_id, name)
        self.made["keys"] += 1
        return old, self.post(f"/keys/{key_id}/rotate", overlap_s=overlap_s, reason=_BECAUSE)["secret"]

    def ended(self, app_id: str, how: str) -> str:
        key_id, text = self.key(app_id, how)
        self.post(f"/keys/{key_id}/{how}", reason=_BECAUSE)
        return text

    def password(self, app_id: str, name: str, **more: object) -> tuple[str, str, int]:
        self.made["app passwords"] += 1
        issued = self.post("/passwords", app_id=app_id, name=name, **{"scopes": ["orders:read"], **more})
        return issued["password"]["id"], issued["secret"], issued["password"]["expires_at"]


def make_credentials(client: httpx2.Client, *, shelf_audience: str) -> Credentials:
    """One of each, for one shop; and a key of the service that has no database."""
    office = _Office(client)
    shop = office.app("corner shop")
    closed = office.app("closed shop")
    rotated_old, rotated_new = office.rotated(shop, "rotated", 3_600)
    leaked_old, leaked_new = office.rotated(shop, "leaked", 0)
    suspended = office.key(closed, "of a suspended app")[1]
    office.post(f"/apps/{closed}/suspend", reason=_BECAUSE)
    revoked_password, password_revoked, _ = office.password(shop, "revoked")
    office.post(f"/passwords/{revoked_password}/revoke", reason=_BECAUSE)
    expired = office.key(shop, "short-lived", expires_in_s=1)[1]
    doomed_id, doomed = office.key(shop, "soon to be revoked")
    _, password_expired, expire_at = office.password(shop, "short-lived", expires_in_s=1)
    credentials = Credentials(
        app_id=shop,
        reading=office.key(shop, "till, reading")[1],
        writing=office.key(shop, "till, writing", scopes=["orders:read", "orders:write"])[1],
        expired=expired,
        disabled=office.ended(shop, "disable"),
        revoked=office.ended(shop, "revoke"),
        test=office.key(shop, "sandbox", environment="test")[1],
        elsewhere=office.key(shop, "warehouse only", networks=["192.0.2.0/24"])[1],
        limited=office.key(shop, "two a minute", rate={"requests": 2, "window_s": 60})[1],
        suspended=suspended,
        rotated_old=rotated_old,
        rotated_new=rotated_new,
        leaked_old=leaked_old,
        leaked_new=leaked_new,
        password=office.password(shop, "old till")[1],
        password_writing=office.password(shop, "stock only", scopes=["stock:read"])[1],
        password_expired=password_expired,
        password_revoked=password_revoked,
        doomed=doomed,
        doomed_id=doomed_id,
        shelf=office.key(
            office.app("shelf"), "verifier", scopes=["doorward:revocations:read"], metadata={"audience": shelf_audience}
        )[1],
        expire_at=expire_at,
        summary="",
    )
    return credentials._replace(summary=", ".join(f"{count} {what}" for what, count in office.made.items()))


def _with_checksum(body: str) -> str:
    value, digits = crc32(body.encode()), ""
    for _ in range(6):
        value, digit = divmod(value, 62)
        digits = _BASE62[digit] + digits
    return body + digits


def counterfeit(key: str) -> str:
    """The same id with another secret, and a checksum that fits."""
    return _with_checksum(key[:-38] + "".join(secrets.choice(_BASE62) for _ in range(32)))


def unknown_key() -> str:
    """A key nobody ever issued, with a checksum that fits."""
    return _with_checksum("dw_live_" + "".join(secrets.choice(_BASE62) for _ in range(44)))

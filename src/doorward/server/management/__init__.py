"""The management API, for programs: apps, credentials, senders of webhooks, the audit log. `/api/v1`, behind a door.

Least privilege: each route demands one scope of its own, an administrator of an organization reaches that
organization alone, and nobody hands out power over Doorward that they do not have (`reach.py`).
"""

from doorward.server.management.build import build_management
from doorward.server.management.doors import ADMINISTRATOR_SCOPES, AdministratorScope
from doorward.server.management.explain import explained_bytes_max
from doorward.server.management.reach import ManagedStore

__all__ = ["ADMINISTRATOR_SCOPES", "AdministratorScope", "ManagedStore", "build_management", "explained_bytes_max"]

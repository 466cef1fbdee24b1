"""The management API: apps, keys, app passwords and the audit log, for programs. `/api/v1`, itself behind a door.

Least privilege: each route demands one scope of its own, an administrator of an organization reaches that
organization alone, and nobody hands out power over Doorward that they do not have (`reach.py`).
"""

from doorward.server.management.build import build_management
from doorward.server.management.doors import ADMINISTRATOR_SCOPES, AdministratorScope
from doorward.server.management.reach import ManagedStore

__all__ = ["ADMINISTRATOR_SCOPES", "AdministratorScope", "ManagedStore", "build_management"]

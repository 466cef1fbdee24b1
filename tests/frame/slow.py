"""What `make check` leaves out: tests marked `slow`, and every test that needs a PostgreSQL server."""

import pytest

__all__ = ["pytest_collection_modifyitems"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what asks for the server by its fixture, or by the parameter that chooses the engine."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        chosen = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if "postgres_server" in item.fixturenames or "postgresql" in chosen:
            item.add_marker(pytest.mark.slow)

"""A method in memory and doors over it."""

import pytest
from tests.simulators.method import SimulatedMethod
from tests.simulators.plane import SimulatedPlane

from doorward.values import Scopes


@pytest.fixture
def plane() -> SimulatedPlane:
    return SimulatedPlane()


@pytest.fixture
def method(plane: SimulatedPlane) -> SimulatedMethod:
    return SimulatedMethod(plane)


@pytest.fixture
def key(method: SimulatedMethod) -> dict[str, str]:
    """Request headers of a good caller who may read orders, whose answers carry a header."""
    secret = method.add("k1", scopes=Scopes("orders:read"), answer_headers=((b"deprecation", b"@1"),))
    return {"x-secret": secret.decode()}

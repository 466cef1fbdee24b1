"""The pipeline is tested twice: as it is, and by its phases alone."""

import pytest


@pytest.fixture(params=["warm", "phases"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Whether warm credentials take the way of `door/warm.py`; what is admitted and refused must not depend on it."""
    way: str = request.param
    if way == "phases":
        monkeypatch.setattr("doorward.door.door.admit_warm", lambda *_: None)
    return way

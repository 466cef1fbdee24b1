import os
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def own_environment() -> Iterator[None]:
    """What a page puts into the environment of its programs leaves with it."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)

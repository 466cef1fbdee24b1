"""No secret made during the whole run is in anything that was written: logs, stderr, databases, audit files, temporary
files (invariant 2). Runs last, over what all tests before it left behind; alone, it searches little.
"""

import pytest
from tests.frame.secrets import Watch, search_files


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_secret_leaves(watch: Watch, tmp_path_factory: pytest.TempPathFactory) -> None:
    _, leaks = search_files(tmp_path_factory.getbasetemp())
    assert watch.leaks + leaks == []

"""What users import."""

import subprocess
import sys

import pytest

import doorward


@pytest.mark.parametrize("name", doorward.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(doorward, name).__name__ == name
    assert name in dir(doorward)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        _ = doorward.nothing_of_ours


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, doorward; print([m for m in sys.modules if m.startswith(('doorward.', 'sqlalchemy'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

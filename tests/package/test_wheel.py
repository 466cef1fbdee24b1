"""What is installed is whole: the wheel alone, without the checkout, makes a database and a key."""

import os
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_wheel_needs_nothing_of_the_checkout(tmp_path: Path) -> None:
    if find_spec("hatchling") is None and "CI" not in os.environ:
        pytest.skip("what builds the project is not installed here: `make test` makes an environment that has it")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=50)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(installed)
    assert "doorward/py.typed" in names
    assert not [name for name in names if name.split("/")[0] not in {"doorward", "doorward-0.1.0.dist-info"}]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    environment["PYTHONPATH"] = str(installed)
    for command in (("init",), ("apps", "create", "shop"), ("keys", "create", "shop"), ("audit", "verify")):
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from doorward.cli import main; sys.exit(main())", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        assert done.returncode == 0, done.stderr
    where = subprocess.run(
        [sys.executable, "-c", "import doorward; print(doorward.__file__)"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(installed))

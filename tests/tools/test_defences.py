"""The defence check is itself a defence: it must see a test that does not test, and a row that does not take out."""

from pathlib import Path

import pytest
from tools.defence_rows import Row, find_problems, read_rows
from tools.defences import take_out

_SOURCE = '''
def admits(presented: str, wanted: str) -> bool:
    """Compare."""
    if not presented:
        return False
    return presented == wanted
'''
_TESTS = """
import pytest
from lock import admits

def test_the_right_word_opens():
    assert admits("sesame", "sesame")

def test_nothing_does_not_open():
    assert not admits("", "")

@pytest.fixture
def broken():
    raise AssertionError("a fixture")

def test_with_a_broken_fixture(broken):
    pass
"""
_FIND = "    if not presented:\n        return False\n"


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "src/lock.py").write_text(_SOURCE)
    (tmp_path / "tests/test_lock.py").write_text(_TESTS)
    return tmp_path


def _row(*, find: str = _FIND, replace: str = "", test: str = "test_nothing_does_not_open") -> Row:
    return Row("room", "a name", "an attack", "src/lock.py", find, replace, f"tests/test_lock.py::{test}")


def test_a_test_that_misses_the_defence_goes_red_and_the_defence_comes_back(house: Path) -> None:
    assert take_out(house, _row()).problem == ""
    assert (house / "src/lock.py").read_text() == _SOURCE


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (_row(test="test_the_right_word_opens"), "still green"),
        (_row(replace="    undefined_name\n"), "broke instead of failing"),
        (_row(find="def admits", replace="def admit"), "broke instead of failing"),
        (_row(test="test_with_a_broken_fixture"), "broke instead of failing"),
    ],
)
def test_a_row_that_proves_nothing_is_a_problem(house: Path, row: Row, problem: str) -> None:
    assert problem in take_out(house, row).problem


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (_row(find="presented"), "`find` occurs 3 times"),
        (_row(find="absent"), "`find` occurs 0 times"),
        (_row(replace=_FIND), "changes nothing"),
        (_row(replace="    if not presented:\n"), "does not compile"),
        (_row(test="test_that_is_not_there"), "has no test_that_is_not_there"),
        (_row()._replace(file="src/absent.py"), "there is no src/absent.py"),
        (_row()._replace(test="tests/absent.py::test_x"), "there is no tests/absent.py"),
    ],
)
def test_a_row_that_does_not_fit_the_source_is_seen_without_running_it(house: Path, row: Row, problem: str) -> None:
    assert any(problem in found for found in find_problems(house, row))


def test_a_row_that_fits_has_no_problems(house: Path) -> None:
    assert list(find_problems(house, _row(test="test_nothing_does_not_open[case]"))) == []


def test_rows_with_other_fields_and_names_used_twice_are_seen(house: Path) -> None:
    row = '[[defence]]\nname="a"\nattack="b"\nfile="c"\nfind="d"\nreplace="e"\ntest="f"\n'
    (house / "tests/defences.toml").write_text("# the format\n")
    (house / "tests/defences").mkdir()
    (house / "tests/defences/one.toml").write_text(row)
    (house / "tests/defences/two.toml").write_text(row + '[[defence]]\nname="only"\n')
    rows, problems = read_rows(house)
    assert [found.origin for found in rows] == ["one", "two"]
    assert any("two.toml, row 2" in problem for problem in problems)
    assert any("2 rows are named: a" in problem for problem in problems)

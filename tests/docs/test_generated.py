from pathlib import Path

import pytest
from tools.docs import generated_pages

_PAGES = generated_pages()


@pytest.mark.parametrize("name", _PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (Path(__file__).parents[2] / name).read_text() == _PAGES[name], "run `make docs`"

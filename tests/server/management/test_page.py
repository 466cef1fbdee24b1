"""The description as a page: short where everything is alike, and nothing of it read as markup."""

from typing import Any

from doorward.server.management.page import render_page

_REFUSED = {"description": "Refused.", "content": {"p": {"schema": {"$ref": "#/components/schemas/Problem"}}}}


def _page(path: str = "/a", **operation: Any) -> str:  # Any: JSON
    return render_page({"info": {"title": "T"}, "paths": {path: {"get": operation}}})


def test_answers_that_are_alike_are_one_line() -> None:
    page = _page(responses={"200": {"description": "Successful Response"}, "400": _REFUSED, "401": _REFUSED})
    assert page.count("Refused.") == 1
    assert "<code>400</code>, <code>401</code> Refused." in page
    assert "Successful" not in page


def test_every_operation_is_in_the_contents() -> None:
    page = _page(path="/a/{id}")
    assert '<a href="#get:/a/{id}">' in page
    assert '<h2 id="get:/a/{id}">' in page


def test_what_is_described_is_no_markup() -> None:
    page = _page(path='/"><script>', description="<script>", responses={"<script>": {"description": "<script>"}})
    assert "<script>" not in page

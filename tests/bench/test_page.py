from bench.page import HEAD, replace_section

_ORDER = ("first", "second", "third")


def test_a_section_is_added_in_its_place_and_replaced_alone() -> None:
    page = replace_section(HEAD, "third", "## Three\n", _ORDER)
    page = replace_section(page, "first", "## One\n", _ORDER)
    page = replace_section(page, "third", "## Three, anew\n", _ORDER)
    assert page == HEAD + "\n<!-- row: first -->\n## One\n\n<!-- row: third -->\n## Three, anew\n"


def test_a_section_that_no_row_makes_any_more_leaves() -> None:
    page = replace_section(HEAD, "second", "## Two\n", _ORDER)
    assert "Two" not in replace_section(page, "first", "## One\n", ("first",))

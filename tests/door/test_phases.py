"""The table of phases is the plan's."""

from pathlib import Path

from doorward.door.phases import PHASES


def test_the_table_equals_the_plan() -> None:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in (Path(__file__).parent / "design_phases.md").read_text().splitlines()
        if line.startswith("| ") and line[2].isdigit()
    ]
    assert len(rows) == 14
    assert [(phase.number, phase.name, phase.room) for phase in PHASES] == [
        (number, name, room.strip("`")) for number, name, room, _ in rows
    ]
    for phase, (_, _, _, question) in zip(PHASES, rows, strict=True):
        assert phase.question in question


def test_phases_nobody_asks_yet_are_left_out() -> None:
    assert [phase.name for phase in PHASES if phase.run is None] == ["gather", "bound?", "settle"]

"""What rests sealed under which master key, as people and programs read it."""

from collections.abc import Mapping

from doorward.app.master_key import Resealed
from doorward.cli.output import Cell, Output
from doorward.cli.problems import Failed
from doorward.crypto.sealing import MasterKeys

__all__ = ["show_resealed"]


def show_resealed(out: Output, resealed: Resealed, keys: MasterKeys) -> None:
    """What is under which key, and which keys are needed for events alone.

    Raises:
        Failed: something is still under an older key.
    """
    before, after = resealed
    left = resealed.left(keys)
    free = sorted(keys.key_ids - {keys.current} - after.keys())
    if out.as_json:
        out.json({"current": keys.current, "before": before, "after": after, "left": left, "unused": free})
    else:
        ids = sorted(keys.key_ids | before.keys() | after.keys())
        facts: list[tuple[str, Cell]] = [(_called(key_id, keys), _said(key_id, resealed)) for key_id in ids]
        out.facts(facts)
    if left:
        raise Failed(
            f"{left:,} {'is' if left == 1 else 'are'} still under an older key, sealed at this moment: is a server "
            "running with the old file? Restart it with the new one, and run this again."
        )
    out.done(f"Everything that is sealed is under {keys.current}.")
    if free:
        out.note(
            f"Nothing rests under {', '.join(free)} any more. Once every server runs with the new file, and the audit "
            "log was exported and verified, an old line may be taken out."
        )


def _called(key_id: str, keys: MasterKeys) -> str:
    return f"{key_id} (current)" if key_id == keys.current else key_id


def _said(key_id: str, resealed: Resealed) -> str:
    said = _counted(resealed.after.get(key_id, {}))
    before = resealed.before.get(key_id, {})
    return said if before == resealed.after.get(key_id, {}) else f"{said}; before: {_counted(before)}"


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}{'' if number == 1 else 's'}" for name, number in rows.items()) or "nothing"

"""What a credential may be used for and what became of it, a line each, as people read it."""

from doorward.cli.looks import expiry, rate_words, use_words, words
from doorward.cli.output import Cell
from doorward.cli.text import moment
from doorward.methods.rotation import RotatableCredential

__all__ = ["grant_facts", "life_facts", "owner_words"]


def owner_words(record: RotatableCredential) -> str:
    """`shop (app_…)`."""
    return f"{record.app_name} ({record.app_id})" if record.app_name else record.app_id


def grant_facts(record: RotatableCredential, now: int) -> list[tuple[str, Cell]]:
    """What it may be used for, from where, how often, how long."""
    return [
        ("Scopes", words(record.scopes) or "none"),
        ("Networks", words(record.networks) or "any"),
        ("Rate limit", rate_words(record.rate) or "none"),
        ("Expires", expiry(record.expires_at, now)),
    ]


def life_facts(record: RotatableCredential, now: int) -> list[tuple[str, Cell]]:
    """Since when it is there, where it was seen, and what it follows."""
    return [
        ("Organization", record.organization_id),
        ("Created", moment(record.created_at)),
        ("Used", use_words(record.use_count, record.last_used_at, record.last_source, now)),
        ("Rotated from", record.rotated_from),
        ("Rotated to", record.rotated_to),
        ("Metadata", words(f"{name}={value}" for name, value in sorted(record.metadata.items()))),
    ]

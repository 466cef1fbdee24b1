"""What verifying a chain can find, and the one check all chains share.

Rules of this file:

* A finding is a value: what kind, where, in one plain sentence. It never holds recorded text.
* One wrong record is one finding where that can be told: the check goes on from what is stored, so that everything
  after a forgery is still examined.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, final

import msgspec

from doorward.audit.chain import GENESIS, ChainKey, link_record
from doorward.audit.heads import Head
from doorward.crypto.hashing import constant_time_equal

__all__ = ["FINDINGS_MAX", "ChainCheck", "ChainReport", "Finding", "FindingKind"]

FINDINGS_MAX: Final = 1_000
"""How many findings of one chain are listed; the rest are counted."""


class FindingKind(StrEnum):
    """`UNFINISHED` is no evidence of tampering; everything else is, or prevents telling."""

    REMOVED = "removed"
    ALTERED = "altered"
    REORDERED = "reordered"
    RELINKED = "relinked"
    CUT_OFF = "cut_off"
    REWRITTEN = "rewritten"
    KEY_UNKNOWN = "key_unknown"
    HEAD_FORGED = "head_forged"
    UNREADABLE = "unreadable"
    UNFINISHED = "unfinished"


@final
class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as it was written."""

    kind: FindingKind
    chain: str
    """`changes`, or the name of a verification log."""
    sequence: int
    """The number of the record it is about; 0 for the chain as a whole."""
    text: str

    @property
    def harmless(self) -> bool:
        """Whether this is how an honest log may look."""
        return self.kind is FindingKind.UNFINISHED


@final
class ChainReport(msgspec.Struct, frozen=True):
    """What came of verifying."""

    findings: tuple[Finding, ...]
    checked: int
    """How many records were examined."""
    more: int = 0
    """How many findings were not listed."""

    @property
    def intact(self) -> bool:
        """Whether everything is as it was written, as far as the chain and the heads given can tell."""
        return self.more == 0 and all(finding.harmless for finding in self.findings)

    def joined(self, other: "ChainReport") -> "ChainReport":
        """Both together."""
        return ChainReport(self.findings + other.findings, self.checked + other.checked, self.more + other.more)


@final
class ChainCheck:
    """Walks along one chain, record by record.

    Args:
        chain: its name.
        keys: chain keys by key id.
        heads: exported heads of this chain, to be met on the way.
    """

    def __init__(self, chain: str, keys: Mapping[str, ChainKey], heads: tuple[Head, ...] = ()) -> None:
        self._chain: Final = chain
        self._keys: Final = keys
        self._findings: Final[list[Finding]] = []
        self._more = 0
        self._unknown_keys: Final[set[str]] = set()
        self._heads: Final[dict[int, list[Head]]] = {}
        self.sequence = 0
        self.link = GENESIS
        self.checked = 0
        for head in heads:
            if head.chain != chain:
                continue
            if head.authentic(keys):
                self._heads.setdefault(head.sequence, []).append(head)
            else:
                self.note(FindingKind.HEAD_FORGED, head.sequence, "an exported head was not made with the chain key")

    def note(self, kind: FindingKind, sequence: int, text: str) -> None:
        """Add a finding."""
        if len(self._findings) < FINDINGS_MAX:
            self._findings.append(Finding(kind, self._chain, sequence, text))
        else:
            self._more += 1

    def begin_at(self, sequence: int, link: bytes) -> None:
        """Start after a record that is gone for a stated reason."""
        self.sequence, self.link = sequence, link

    def check(self, sequence: int, link: bytes, key_id: str, record: bytes, previous_link: bytes | None = None) -> bool:
        """Examine the next record; answers whether its link proves it. `previous_link` is what is stored with it."""
        self.checked += 1
        if sequence <= self.sequence:
            self.note(FindingKind.REORDERED, sequence, f"record {sequence} stands after record {self.sequence}")
            return False
        follows = sequence == self.sequence + 1
        if not follows:
            first, last = self.sequence + 1, sequence - 1
            self.note(FindingKind.REMOVED, first, f"records {first} to {last} are missing")
        proven = self._check_link(sequence, link, key_id, record, previous_link, follows=follows)
        if follows and previous_link is not None and previous_link != self.link:
            self.note(FindingKind.RELINKED, sequence, f"record {sequence} does not follow the one before it")
        for head in self._heads.pop(sequence, ()):
            if head.link != link:
                self.note(FindingKind.REWRITTEN, sequence, f"record {sequence} is not the one its exported head names")
        self.sequence, self.link = sequence, link
        return proven

    def _check_link(
        self, sequence: int, link: bytes, key_id: str, record: bytes, previous_link: bytes | None, *, follows: bool
    ) -> bool:
        key = self._keys.get(key_id)
        if key is None:
            if key_id not in self._unknown_keys and len(self._unknown_keys) < FINDINGS_MAX:
                self._unknown_keys.add(key_id)
                self.note(FindingKind.KEY_UNKNOWN, sequence, "linked under a master key that is not here")
            return False
        before = self.link if previous_link is None and follows else previous_link
        if before is None:
            # What it was linked to is missing: said already, and not to be told from here.
            return False
        if constant_time_equal(link_record(key, before, sequence, record), link):
            return True
        self.note(FindingKind.ALTERED, sequence, f"record {sequence} is not what was written")
        return False

    def finish(self) -> ChainReport:
        """The end of the chain was reached: whatever a head names beyond it was cut off."""
        beyond = [sequence for sequence in self._heads if sequence > self.sequence]
        if beyond:
            self.note(
                FindingKind.CUT_OFF,
                self.sequence + 1,
                f"the chain ends at record {self.sequence}; an exported head names record {max(beyond)}",
            )
        return ChainReport(tuple(self._findings), self.checked, self._more)

"""The public keys of an issuer as they were last fetched, for a restart while that issuer is away.

Rules of this file:

* What was saved counts only until this process has fetched the set itself: the process knows better than the file, and
  a key that has left its set must not come back.
* Its age is told with it, so keys are given up as early as they would have been without the restart.
* Only a set with a key in it is saved: a bad answer takes nothing away, here as in memory.
* What cannot be written saves nothing and stops nothing. Processes that share a folder replace one file, each whole.
"""

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Final, final

import msgspec

from doorward.adapters.files.clocks import Clocks, Moment
from doorward.adapters.files.private import make_private, read_sealed_text, write_sealed_text
from doorward.crypto.jose.jwk import UnusableKey, parse_jwk_set
from doorward.errors import Misconfigured, Unavailable
from doorward.keys.documents import Document, DocumentPort

__all__ = ["SAVED_KEYS_OCTETS_MAX", "SavedKeys"]

SAVED_KEYS_OCTETS_MAX: Final = 49_152
"""How large a set of keys may be to be saved; ours is a hundredth of it."""

_LOG: Final = logging.getLogger("doorward.keys")


@final
class _Saved(msgspec.Struct, frozen=True):
    """What is in the file."""

    url: str
    read_at: Moment
    body: str


@final
class SavedKeys:
    """Implements `DocumentPort` over another one.

    Args:
        documents: fetches.
        folder: where sets are saved; made, for this user alone.
        clocks: this machine's.
    """

    def __init__(self, documents: DocumentPort, folder: Path, *, clocks: Clocks | None = None) -> None:
        self._documents: Final = documents
        self._folder: Final = folder
        self._clocks: Final = clocks or Clocks.of_this_machine()
        self._fetched = False
        self._is_failing = False

    async def fetch(self, url: str, *, octets_max: int) -> Document:
        """See `DocumentPort`; what was saved, with its age, when there is no answer and never was one."""
        asked_at = self._clocks.moment()
        try:
            document = await self._documents.fetch(url, octets_max=octets_max)
        except Unavailable as away:
            if self._fetched:
                raise
            saved = await asyncio.to_thread(self._load, url, octets_max)
            if saved is None:
                raise
            _LOG.warning("%s; going on with the keys of %.0f s ago", away.detail, saved.age_s)
            return saved
        if len(document.body) <= SAVED_KEYS_OCTETS_MAX and _holds_a_key(document.body):
            self._fetched = True
            await asyncio.to_thread(self._save, _Saved(url, asked_at, document.body.decode()))
        return document

    def _path(self, url: str) -> Path:
        return self._folder / f"keys-{hashlib.sha256(url.encode()).hexdigest()[:16]}"

    def _save(self, saved: _Saved) -> None:
        try:
            make_private(self._folder)
            write_sealed_text(self._path(saved.url), msgspec.json.encode(saved).decode())
        except (OSError, Misconfigured) as error:
            if not self._is_failing:
                _LOG.warning("keys cannot be saved in %s (%s); a restart has to fetch them", self._folder, error)
            self._is_failing = True

    def _load(self, url: str, octets_max: int) -> Document | None:
        try:
            make_private(self._folder)
            text = read_sealed_text(self._path(url))
            saved = None if text is None else msgspec.json.decode(text, type=_Saved)
        except (OSError, Misconfigured, msgspec.DecodeError):
            return None
        if saved is None or saved.url != url or len(saved.body) > octets_max:
            return None
        # Never below a moment: that is how whoever asked knows it was not fetched.
        return Document(saved.body.encode(), None, age_s=max(self._clocks.age_s(saved.read_at), 0.001))


def _holds_a_key(presented_body: bytes) -> bool:
    try:
        return bool(parse_jwk_set(presented_body).keys)
    except UnusableKey:
        return False

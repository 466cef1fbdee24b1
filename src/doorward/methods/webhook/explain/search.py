"""The search itself: keys, frames and bodies against the signatures that came, one change first, then two.

It ends when its work is used up (`explaining/work.py`), not at a time, so that the same delivery gets the same answer
everywhere. What a body is made into to be signed (a digest, a form) is made once for each body, and paid for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Final, final

import msgspec

from doorward.crypto.ed25519 import Ed25519Verifier
from doorward.crypto.mac import mac_of
from doorward.errors import Rejected
from doorward.methods.explaining.change import Change, Variant
from doorward.methods.explaining.work import STEP_UNITS, Work
from doorward.methods.webhook.explain.keys import KeyVariant
from doorward.methods.webhook.explain.moments import Frame
from doorward.methods.webhook.explain.spelling import Target
from doorward.methods.webhook.message import form_bytes

__all__ = ["Fit", "Search"]

ATTEMPT_UNITS: Final = 3_000
"""What one attempt costs besides the octets it hashes."""
KEPT_OCTETS_MAX: Final = 48_000_000
"""How much of the bodies that are one change away is kept for the pairs."""
KEPT_FORM_OCTETS_MAX: Final = 16_000_000
"""How much of the bodies whose forms are kept taken apart is kept."""
ASYMMETRIC_ATTEMPTS_MAX: Final = 500
"""How many Ed25519 verifications one explanation makes."""

_ASYMMETRIC_UNITS: Final = 100_000
_FORM_OCTET_UNITS: Final = 60
_FORM_FIELD_UNITS: Final = 2_000


@final
class Fit(msgspec.Struct, frozen=True):
    """What makes a signature fit. A proof, not a guess."""

    secret_id: str
    changes: tuple[Change, ...]


@final
class Search:
    """One search.

    Args:
        keys: every reading of every secret.
        macs: the MACs that came, by their octets.
        verifiers: the public keys.
        signatures: the Ed25519 signatures that came.
        work: what every attempt is paid from.
    """

    def __init__(
        self,
        keys: Sequence[KeyVariant],
        macs: Mapping[bytes, Target],
        verifiers: Sequence[tuple[str, Ed25519Verifier, tuple[Change, ...]]],
        signatures: Mapping[bytes, Target],
        work: Work,
    ) -> None:
        self._keys: Final = keys
        self._macs: Final = macs
        self._verifiers: Final = verifiers if signatures else ()
        self._signatures: Final = signatures
        self._digests: Final = sorted({target.digest for target in macs.values()})
        self._work: Final = work
        self._asymmetric_left = ASYMMETRIC_ATTEMPTS_MAX
        self._fits: list[Fit] = []
        self._forms: Final[dict[bytes, bytes | None]] = {}
        self._form_octets = 0
        self._hashed: tuple[bytes, bytes] | None = None
        self.tried = 0

    @property
    def complete(self) -> bool:
        """Whether everything that was to be tried was tried."""
        return not self._work.ended and self._asymmetric_left > 0

    def find(
        self,
        body: bytes,
        *,
        frames: Iterable[Variant[Frame]],
        bodies: Iterable[Variant[bytes]],
        pairs: Iterable[Variant[bytes]],
        last: Iterable[Variant[Frame]],
    ) -> list[Fit]:
        """The fits with the fewest changes, in order of plausibility; none when nothing fits.

        Args:
            body: as received.
            frames: what stands around it, as the scheme has it first.
            bodies: bodies that are one change away; read only when needed.
            pairs: bodies that are two changes away; as above.
            last: frames tried when all else has failed.
        """
        all_frames = list(frames)
        plain = [frame for frame in all_frames if not frame.changes]
        other = [frame for frame in all_frames if frame.changes]
        received = [Variant(body)]
        if self._level(self._keyed(0), plain, received):
            return self._best()
        self._level(self._keyed(1), plain, received)
        self._level(self._keyed(0), other, received)
        kept = _keep(self._each(bodies, plain, body))
        if self._fits:
            return self._best()
        self._pairs(received, plain, other, kept)
        if not self._fits:
            for _ in self._each(pairs, plain, body):
                if self._fits:
                    break
        if not self._fits:
            self._level(self._keyed(0), other, kept)
            self._level(self._keyed(0), list(last), received)
        return self._best()

    def _pairs(
        self,
        received: list[Variant[bytes]],
        plain: list[Variant[Frame]],
        other: list[Variant[Frame]],
        kept: list[Variant[bytes]],
    ) -> None:
        self._level(self._keyed(2), plain, received)
        self._level(self._keyed(1), other, received)
        self._level(self._keyed(1), plain, kept)

    def _keyed(self, changes: int) -> list[KeyVariant]:
        return [key for key in self._keys if len(key.changes) == changes]

    def _each(
        self, bodies: Iterable[Variant[bytes]], plain: list[Variant[Frame]], body: bytes
    ) -> Iterator[Variant[bytes]]:
        """Try each body as it is made, and hand it on; bodies that were made before are passed over."""
        seen = {sha256(body).digest()}
        keys = self._keyed(0)
        for variant in bodies:
            if not self._work.take(len(variant.value) + STEP_UNITS):
                return
            digest = sha256(variant.value).digest()
            if digest not in seen:
                seen.add(digest)
                self._level(keys, plain, [variant])
                yield variant

    def _level(
        self, keys: list[KeyVariant], frames: list[Variant[Frame]], bodies: Sequence[Variant[bytes]]
    ) -> list[Fit]:
        for frame in frames:
            for body in bodies:
                if not self._work.take(STEP_UNITS):
                    return self._fits
                message = self._message(frame.value, body.value)
                if message is not None:
                    around = frame.changes + body.changes
                    self._try_macs(keys, message, around)
                    self._try_signatures(message, around)
        return self._fits

    def _try_macs(self, keys: list[KeyVariant], message: list[bytes], around: tuple[Change, ...]) -> None:
        units = sum(map(len, message)) + ATTEMPT_UNITS
        for key in keys:
            for digest in self._digests:
                # A key that is longer than a block is hashed each time (RFC 2104 section 2).
                if not self._work.take(units + len(key.key)):
                    return
                self.tried += 1
                target = self._macs.get(mac_of(key.key, message, digest))
                if target is not None and target.digest == digest:
                    self._fits.append(Fit(key.secret_id, key.changes + around + target.changes))

    def _try_signatures(self, message: list[bytes], around: tuple[Change, ...]) -> None:
        if not self._verifiers:
            return
        joined = b"".join(message)
        units = 3 * len(joined) + _ASYMMETRIC_UNITS
        for secret_id, verifier, absent in self._verifiers:
            for signature, target in self._signatures.items():
                if self._asymmetric_left <= 0 or not self._work.take(units):
                    return
                self._asymmetric_left -= 1
                self.tried += 1
                if verifier.fits(signature, joined):
                    self._fits.append(Fit(secret_id, absent + around + target.changes))

    def _message(self, frame: Frame, body: bytes) -> list[bytes] | None:
        if frame.body_digest is not None:
            # The URL alone is signed; the body counts by its digest.
            return [frame.before] if self._digest_of(body) == frame.body_digest else None
        if frame.of_form:
            form = self._form_of(body)
            return None if form is None else [frame.before, form]
        return [frame.before, body, frame.after]

    def _digest_of(self, body: bytes) -> bytes | None:
        # The same body is asked for with every URL there may be, one after the other.
        if self._hashed is None or self._hashed[0] is not body:
            if not self._work.take(len(body)):
                return None
            self._hashed = body, sha256(body).hexdigest().encode("ascii")
        return self._hashed[1]

    def _form_of(self, body: bytes) -> bytes | None:
        # As above.
        if body in self._forms:
            return self._forms[body]
        if not self._work.take(_FORM_OCTET_UNITS * len(body) + _FORM_FIELD_UNITS * min(body.count(b"&"), 1_000)):
            return None
        form = _form_or_none(body)
        if self._form_octets + len(body) <= KEPT_FORM_OCTETS_MAX:
            self._form_octets += len(body)
            self._forms[body] = form
        return form

    def _best(self) -> list[Fit]:
        fewest = min((len(fit.changes) for fit in self._fits), default=0)
        return [fit for fit in self._fits if len(fit.changes) == fewest]


def _keep(bodies: Iterator[Variant[bytes]]) -> list[Variant[bytes]]:
    kept: list[Variant[bytes]] = []
    octets = 0
    for variant in bodies:
        octets += len(variant.value)
        if octets <= KEPT_OCTETS_MAX:
            kept.append(variant)
    return kept


def _form_or_none(body: bytes) -> bytes | None:
    try:
        return form_bytes(body)
    except Rejected:
        return None

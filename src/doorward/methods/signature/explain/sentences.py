"""What was found about a signed request, in sentences with their cures."""

from collections.abc import Sequence
from typing import Final, final

import msgspec

from doorward.errors import Rejected
from doorward.methods.explaining import Change
from doorward.methods.signature.components import Message
from doorward.methods.signature.explain.after_proof import Judgement
from doorward.methods.signature.explain.bases import base_lines
from doorward.methods.signature.explain.search import Fit
from doorward.methods.signature.wire import PresentedSignature

__all__ = ["SignatureFinding", "missing_parts", "tell_evidence", "tell_fit", "unreadable"]


@final
class SignatureFinding(msgspec.Struct, frozen=True):
    """One answer. Holds neither a secret nor a signature."""

    changes: tuple[Change, ...]
    says: str
    """A sentence."""
    cure: str
    """What to change."""
    key_id: str | None
    """The key with which the signature fits."""
    proven: bool
    """Whether the signature fits so; otherwise it is what the request shows."""


def tell_fit(fit: Fit, spelled: tuple[Change, ...], judgement: Judgement, refused: Rejected) -> SignatureFinding:
    """A fit in a sentence, with all that stands against the request besides."""
    changes = (*spelled, *fit.changes)
    sentences = []
    if changes:
        sentences.append(f"The signature fits when {' and '.join(change.fits_when for change in changes)}.")
    elif judgement.changes:
        sentences.append("Refused, although the signature fits.")
    else:
        detail = refused.detail or refused.refusal.text
        form = Change("form", f"Refused, although the signature fits: {detail.rstrip('.')}.", _FORM_CURE)
        return _finding((form,), form.fits_when, fit.key_id)
    sentences += [change.fits_when for change in judgement.changes]
    return _finding((*changes, *judgement.changes), " ".join(sentences), fit.key_id)


_FORM_CURE: Final = "Let the sender write what RFC 9421 and the verifier's profile ask for."


def _finding(changes: tuple[Change, ...], says: str, key_id: str) -> SignatureFinding:
    cures = dict.fromkeys(change.cure for change in changes)
    return SignatureFinding(changes, says, " ".join(cures), key_id, proven=True)


def tell_evidence(change: Change) -> SignatureFinding:
    """What the request shows."""
    return SignatureFinding((change,), change.fits_when, change.cure, None, proven=False)


def unreadable(unread: Rejected) -> Change:
    """That the signature cannot be read, and why."""
    return Change("signature.form", f"The signature cannot be read: {unread.detail or unread.code}.", _FORM_CURE)


def missing_parts(message: Message, presented: Sequence[PresentedSignature]) -> list[Change]:
    """What is signed and cannot be had; that there is no signature, when there is none."""
    if not presented:
        return [
            Change(
                "signature.missing",
                "The request has no signature that counts here.",
                "Something on the way dropped Signature-Input and Signature, or the sender does not sign: look at what "
                "the proxy passes on, and at the label and the tag the verifier asks for.",
            )
        ]
    return [
        Change(
            "field.missing",
            f"{line.component.strip()} is signed and is not in the request.",
            "Something on the way dropped it, or renamed it: let the proxy pass it on as it came, or do not cover it.",
        )
        for one in presented
        for line in base_lines(message, one)
        if line.received is None
    ]

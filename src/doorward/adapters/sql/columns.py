"""Small collections as text columns, and back."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from doorward.errors import Rejected

__all__ = ["decode_metadata", "decode_words", "encode_metadata", "encode_words"]

_METADATA_DECODER: Final = msgspec.json.Decoder(dict[str, str])
_METADATA_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def encode_words(words: Iterable[str]) -> str:
    """Words that hold no space, joined by spaces in the order given.

    Raises:
        Rejected: `input_invalid` for an empty word or one with a space: it would come back as something else, and a
            network that comes back as two is a hole in the fence.
    """
    listed = tuple(words)
    if any(not word or " " in word for word in listed):
        raise Rejected("input_invalid", "an empty word, or one with a space in it")
    return " ".join(listed)


def decode_words(text: str) -> tuple[str, ...]:
    """What `encode_words` joined."""
    return tuple(text.split(" ")) if text else ()


def encode_metadata(metadata: Mapping[str, str]) -> str:
    """Metadata as JSON, sorted by name.

    Raises:
        Rejected: `input_invalid` for text that is not Unicode.
    """
    try:
        return _METADATA_ENCODER.encode(metadata).decode()
    except UnicodeEncodeError:
        raise Rejected("input_invalid", "metadata that is not Unicode text") from None


def decode_metadata(text: str) -> dict[str, str]:
    """What `encode_metadata` made."""
    return {} if text == "{}" else _METADATA_DECODER.decode(text)

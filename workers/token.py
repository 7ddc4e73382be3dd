"""A name for one picture of one request, so that models of one process know that they were given the same.

Eight bytes that say so, 16 random ones, for how many models, then the picture's own bytes. The front that
shares a picture names it; a caller who sends the form names only pictures of its own, since nobody guesses
another's.
"""

import os
import struct
from typing import NamedTuple

MAGIC = b"\x89PXTOK\r\n"
MODELS_MAX = 255
_HEAD = struct.Struct("<8s16sB")
HEAD_BYTES = _HEAD.size

Raw = bytes | memoryview


class Token(NamedTuple):
    """Of one picture."""

    name: bytes
    models: int  # that will ask for it


def named(raw: bytes, models: int) -> bytes:
    """The picture under a new name."""
    return _HEAD.pack(MAGIC, os.urandom(16), min(models, MODELS_MAX)) + raw


def token_of(raw: Raw) -> Token | None:
    """The name, if it has one."""
    if len(raw) < HEAD_BYTES or raw[:8] != MAGIC:
        return None
    _, name, models = _HEAD.unpack_from(raw)
    return Token(name, models)


def bare(raw: Raw) -> Raw:
    """The picture's own bytes."""
    return raw[HEAD_BYTES:] if raw[:8] == MAGIC else raw

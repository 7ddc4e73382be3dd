"""Decoded pictures on their way between models."""

import numpy as np
import pytest

from workers.errors import BadInput
from workers.pictures import decode_picture
from workers.pixels import MAGIC, pack, unpack

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def test_pixels_come_back_as_they_were() -> None:
    """And without being unpacked again."""
    raw = pack(PIXELS)
    assert (decode_picture(raw) == PIXELS).all()


def test_other_bytes_are_left_to_others() -> None:
    """A PNG begins much the same."""
    assert unpack(b"\x89PNG\r\n\x1a\n" + bytes(20), 100) is None
    assert unpack(b"", 100) is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (MAGIC, "cut off"),
        (pack(PIXELS)[:-1], "not 3 x 2"),
        (pack(PIXELS) + b"x", "not 3 x 2"),
        (MAGIC + b"\xff" * 8, "limit"),
        (MAGIC + bytes(8), "limit"),
    ],
)
def test_a_caller_who_writes_the_form_badly_is_told(raw: bytes, words: str) -> None:
    """It is taken from anybody, and so must bear anything."""
    with pytest.raises(BadInput, match=words):
        decode_picture(raw)


def test_a_side_without_end_is_refused_as_of_any_picture() -> None:
    """OpenCV's maps break beyond."""
    with pytest.raises(BadInput, match="a side may have"):
        decode_picture(pack(np.zeros((1, 40_000, 3), np.uint8)))

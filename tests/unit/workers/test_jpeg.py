"""A JPEG's head: what a GPU's engine may be given, and what goes the safe way."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workers.jpeg import read_head

PICTURE = Image.fromarray(np.random.default_rng(3).integers(0, 256, (30, 50, 3), np.uint8))


def jpeg(mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    PICTURE.convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def turned(orientation: int, order: str = "little") -> bytes:
    exif = Image.Exif()
    exif.endian = "<" if order == "little" else ">"
    exif[0x0112] = orientation
    return jpeg(exif=exif)


@pytest.mark.parametrize("raw", [jpeg(), jpeg("L"), jpeg(subsampling=0), turned(1), jpeg(comment=b"hello")])
def test_a_usual_jpeg_is_plain(raw: bytes) -> None:
    """These are what callers send; all of them should reach the engine."""
    head = read_head(raw)
    assert head is not None
    assert (head.width, head.height, head.plain) == (50, 30, True)


@pytest.mark.parametrize("raw", [jpeg(progressive=True), jpeg("CMYK"), turned(6), turned(3, "big")])
def test_what_an_engine_would_show_otherwise_is_not_plain(raw: bytes) -> None:
    """Progressive is slow there, CMYK wrong in colour, and Exif's turn would be left out."""
    head = read_head(raw)
    assert head is not None
    assert not head.plain


@pytest.mark.parametrize("raw", [b"", b"\xff\xd8", b"\x89PNG\r\n", jpeg()[:-200], jpeg()[:100] + b"\xff\xd9"])
def test_what_is_no_jpeg_or_cut_off_has_no_head(raw: bytes) -> None:
    """An engine fills what is missing with gray and says nothing."""
    assert read_head(raw) is None


def test_colours_in_scans_of_their_own_are_not_plain() -> None:
    """Engines take one scan only; and which of two frames a library believes is its own affair."""
    raw = jpeg()
    scan, frame = raw.index(b"\xff\xda"), raw.index(b"\xff\xc0")
    alone = raw[: scan + 4] + b"\x01" + raw[scan + 5 :]
    twice = raw[:frame] + raw[frame : frame + 19] + raw[frame:]
    for odd in (alone, twice):
        head = read_head(odd)
        assert head is not None
        assert not head.plain


@given(st.data())
def test_no_bytes_whatever_make_it_fail(data: st.DataObject) -> None:
    """Callers choose them."""
    raw = bytearray(data.draw(st.sampled_from([jpeg(), turned(6), turned(3, "big")])))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, min(len(raw) - 1, 200)))] = data.draw(st.integers(0, 255))
    head = read_head(bytes(raw))
    assert head is None or head.width >= 0

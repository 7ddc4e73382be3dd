"""Pictures: what is taken, what is refused, and that boxes fit back on them."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from workers.errors import BadInput
from workers.pictures import decode_picture, decode_pictures, fitted


def encoded(picture: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


RED = Image.new("RGB", (6, 4), (255, 0, 0))


@pytest.mark.parametrize("format_", ["PNG", "BMP", "GIF"])
def test_pixels_come_blue_first_whatever_the_format(format_: str) -> None:
    """OpenCV's order; a swapped order would turn skin blue."""
    pixels = decode_picture(encoded(RED, format_))
    assert pixels.shape == (4, 6, 3)
    assert (pixels == (0, 0, 255)).all()


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "I;16", "CMYK"])
def test_every_mode_becomes_three_colours(mode: str) -> None:
    """Ad pictures come in all of them."""
    pixels = decode_picture(encoded(Image.new(mode, (3, 2)), "JPEG" if mode == "CMYK" else "PNG"))
    assert pixels.shape == (2, 3, 3)


def test_what_is_transparent_is_seen_on_white() -> None:
    """Viewers see paper there, not the colour that a file hides under it."""
    assert (decode_picture(encoded(Image.new("RGBA", (2, 2), (9, 9, 9, 0)))) == 255).all()


def test_a_picture_is_turned_as_viewers_turn_it() -> None:
    """A phone's portrait is stored lying; text on it could not be read."""
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decode_picture(encoded(RED, "JPEG", exif=exif)).shape == (6, 4, 3)


@pytest.mark.parametrize("raw", [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(raw: bytes) -> None:
    """EPS among them: it is a program."""
    with pytest.raises(BadInput, match="picture"):
        decode_picture(raw)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_a_torn_picture_is_refused(format_: str) -> None:
    """Half a picture judged as a whole one would let the other half pass."""
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8))
    raw = encoded(noise, format_)
    with pytest.raises(BadInput):
        decode_picture(raw[: len(raw) // 2])


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # the library mutters about damaged EXIF
@given(st.data(), st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP"]))
def test_a_damaged_picture_is_taken_or_refused_but_nothing_else(data: st.DataObject, format_: str) -> None:
    """The library has many ways to fail; every one is the caller's 400."""
    raw = bytearray(encoded(RED, format_))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    try:
        pixels = decode_picture(bytes(raw), pixels_max=10_000)
    except BadInput:
        return
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3


def png_claiming(width: int, height: int) -> bytes:
    """A PNG whose head promises much and whose data are few."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9)))


@pytest.mark.parametrize("size", [(10_001, 4_000), (20_000, 20_000), (60_000, 60_000), (30_001, 1)])
def test_a_bomb_is_refused_by_its_head(size: tuple[int, int]) -> None:
    """Before memory is taken for it, and also where the library has its own word for it."""
    with pytest.raises(BadInput, match="pixels"):
        decode_picture(png_claiming(*size))


def test_the_limit_itself_is_taken() -> None:
    """24 pixels of 24."""
    assert decode_picture(encoded(RED), pixels_max=24).shape == (4, 6, 3)
    with pytest.raises(BadInput, match="6 x 4"):
        decode_picture(encoded(RED), pixels_max=23)


def test_the_bad_one_of_several_is_named_and_their_number_is_bounded() -> None:
    """A batch is refused whole; the caller must find the culprit."""
    with pytest.raises(BadInput, match="picture 1: "):
        decode_pictures([encoded(RED), b""], 100, 4)
    for raws in ([], [encoded(RED)] * 5):
        with pytest.raises(BadInput, match="1 to 4 pictures"):
            decode_pictures(raws, 100, 4)


def test_a_picture_is_fitted_into_the_upper_left() -> None:
    """Twice as wide as high: the lower half of the square is black, and one pixel stands for two."""
    square, scale = fitted(np.full((8, 16, 3), 255, np.uint8), 8)
    assert scale == 2
    assert (square[:4] == 255).all()
    assert (square[4:] == 0).all()

"""Picture bytes to pixels: bounded before anything is unpacked, with errors for the caller in words."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from workers.errors import BadInput
from workers.pixels import Pixels, unpack
from workers.token import bare

PIXELS_MAX = 40_000_000  # 160 MB while it is unpacked
SIDE_MAX = 30_000  # OpenCV's affine map takes sides below 32768
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")  # what browsers show; some other formats are programs

_BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, struct.error, zlib.error)


def decode_picture(raw: bytes, pixels_max: int = PIXELS_MAX) -> Pixels:
    """Height × width × 3, blue first (OpenCV's order), upright, transparent parts on white, first frame.

    Raises BadInput if it is no picture, is broken, or has more than `pixels_max` pixels.
    Pixels that were decoded elsewhere (`pixels.py`) are taken as they are.
    """
    raw = bytes(bare(raw))
    ready = unpack(raw, pixels_max)
    if ready is not None:
        _check_size((ready.shape[1], ready.shape[0]), pixels_max)
        return ready
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as picture:
            _check_size(picture.size, pixels_max)
            upright = ImageOps.exif_transpose(picture)
            rgb = np.asarray(_opaque(upright))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadInput(f"the picture has more than {pixels_max} pixels") from error
    except UnidentifiedImageError as error:
        raise BadInput(f"not a picture in a known format ({', '.join(FORMATS)})") from error
    except _BROKEN as error:
        raise BadInput(f"the picture is broken: {error}") from error
    return np.ascontiguousarray(rgb[:, :, ::-1])


def decode_pictures(raws: list[bytes], pixels_max: int, pictures_max: int) -> list[Pixels]:
    """All of a request's pictures; the message says which one is bad."""
    if not 0 < len(raws) <= pictures_max:
        raise BadInput(f"a request holds 1 to {pictures_max} pictures, not {len(raws)}")
    pixels: list[Pixels] = []
    for number, raw in enumerate(raws):
        try:
            pixels.append(decode_picture(raw, pixels_max))
        except BadInput as error:
            raise BadInput(f"picture {number}: {error}") from error
    return pixels


def _check_size(size: tuple[int, int], pixels_max: int) -> None:
    width, height = size
    if width * height > pixels_max:
        raise BadInput(f"the picture has {width} x {height} pixels; the limit is {pixels_max}")
    if max(size) > SIDE_MAX:
        raise BadInput(f"the picture has {width} x {height} pixels; a side may have {SIDE_MAX}")


def _opaque(picture: Image.Image) -> Image.Image:
    """RGB as a viewer shows it; what lies under full transparency is not what people see."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    layered = picture.convert("RGBA")
    paper = Image.new("RGBA", layered.size, "white")
    paper.alpha_composite(layered)
    return paper.convert("RGB")


def fitted(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """A square picture with the whole one in its upper left, black elsewhere; and source pixels per pixel.

    The same sampling as padding to a square and then resizing, without the square of a long strip.
    """
    scale = max(pixels.shape[:2]) / side
    shift = scale / 2 - 0.5  # pixel centres onto pixel centres
    matrix = np.array([[scale, 0, shift], [0, scale, shift]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    square: Any = cv2.warpAffine(pixels, matrix, (side, side), flags=flags, borderValue=(0, 0, 0))
    return square, scale


def squared(pixels: Pixels, side: int, *, crop: bool = False) -> Pixels:
    """The picture as a square of `side`: stretched, or with `crop` its middle square alone.

    Each pixel is the mean of what it covers (INTER_AREA), as `pytorch/resizing.py` does on a GPU.
    """
    if crop:
        height, width = pixels.shape[:2]
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        pixels = pixels[top : top + edge, left : left + edge]
    square: Any = cv2.resize(pixels, (side, side), interpolation=cv2.INTER_AREA)
    return square  # type: ignore[no-any-return]

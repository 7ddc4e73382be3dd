"""Decoded pictures as elements of BYTES, so that what one place decoded another need not decode again.

The form is ours: eight bytes that name it, height and width, then rows of blue, green and red. A caller may
send it too; it is bounded as any picture is.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from workers.errors import BadInput

MAGIC = b"\x89PXBGR\r\n"
_HEAD = struct.Struct("<8sII")

Pixels = NDArray[np.uint8]


def pack(pixels: Pixels) -> bytes:
    """Height × width × 3, blue first, as bytes."""
    height, width, _ = pixels.shape
    return _HEAD.pack(MAGIC, height, width) + pixels.tobytes()


def unpack(raw: bytes, pixels_max: int) -> Pixels | None:
    """The pixels, read-only and not copied; None if these bytes are of another form. Raises BadInput."""
    if raw[:8] != MAGIC:
        return None
    if len(raw) < _HEAD.size:
        raise BadInput("the picture's pixels are cut off")
    _, height, width = _HEAD.unpack_from(raw)
    if not 0 < height * width <= pixels_max:
        raise BadInput(f"the picture has {width} x {height} pixels; the limit is {pixels_max}")
    if len(raw) != _HEAD.size + height * width * 3:
        raise BadInput(f"the picture's pixels are not {width} x {height} of three bytes")
    return np.frombuffer(raw, np.uint8, offset=_HEAD.size).reshape(height, width, 3)

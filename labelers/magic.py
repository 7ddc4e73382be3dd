"""What kind of file some bytes begin, and how many pixels an image has: from magic bytes and headers alone.

Never decodes an image, never trusts a length that it reads: what is cut short or odd has no known size.
"""

import struct
from collections.abc import Callable, Mapping

import msgspec

HEADER_BYTES = 256 * 1024
"""As much of a file's beginning as is looked at: a JPEG's size may stand behind a long preview."""

JPEG_SEGMENTS_MAX = 256


class Medium(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of file: `name` as in image/jpeg, `group` one of image, video, audio, document."""

    name: str
    group: str


def _media(group: str, *names: str) -> dict[str, Medium]:
    return {name: Medium(name=name, group=group) for name in names}


MEDIA: Mapping[str, Medium] = {
    **_media("image", "jpeg", "png", "gif", "webp", "bmp", "tiff", "avif", "heic"),
    **_media("video", "mp4", "quicktime", "webm", "avi", "flv", "mpeg"),
    **_media("audio", "mp3", "wav", "ogg", "flac", "m4a"),
    **_media("document", "pdf"),
}

_BEGINNINGS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\x1aE\xdf\xa3", "webm"),  # Matroska too
    (b"FLV\x01", "flv"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x00\x00\x01\xb3", "mpeg"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"%PDF-", "pdf"),
)
_RIFF = {b"WEBP": "webp", b"AVI ": "avi", b"WAVE": "wav"}
_BRANDS = {
    b"avif": "avif",
    b"avis": "avif",
    b"heic": "heic",
    b"heix": "heic",
    b"mif1": "heic",
    b"qt  ": "quicktime",
}
_BRANDS |= {b"M4A ": "m4a"}


def medium_of(data: bytes) -> Medium | None:
    """The kind of file that begins with `data`; None where it is none of those known."""
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return MEDIA[name]
    if data[:4] == b"RIFF" and data[8:12] in _RIFF:
        return MEDIA[_RIFF[data[8:12]]]
    if data[4:8] == b"ftyp":
        return MEDIA[_BRANDS.get(data[8:12], "mp4")]
    if data[:2] == b"BM" and data[6:10] == b"\x00\x00\x00\x00":
        return MEDIA["bmp"]
    return None


def pixels_of(medium: Medium, data: bytes) -> int | None:
    """Width times height of an image, from its header; None where that cannot be told."""
    read = _SIZES.get(medium.name)
    if read is None:
        return None
    try:
        width, height = read(data)
    except (struct.error, IndexError, ValueError):  # cut short
        return None
    return width * height


def _png(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _gif(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp(data: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from("<ii", data, 18)
    return abs(width), abs(height)  # a negative height means top-down


def _webp(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(data) >= 30:
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    raise ValueError("not a WebP header")


def _jpeg(data: bytes) -> tuple[int, int]:
    """Walk the segments to the start of a frame (SOF0 to SOF15 without DHT, JPG and DAC)."""
    at = 2
    for _ in range(JPEG_SEGMENTS_MAX):
        while data[at] == 0xFF and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        (length,) = struct.unpack_from(">H", data, at + 2)
        at += 2 + max(length, 2)
    raise ValueError("no frame in sight")


_SIZES: Mapping[str, Callable[[bytes], tuple[int, int]]] = {
    "png": _png,
    "gif": _gif,
    "bmp": _bmp,
    "webp": _webp,
    "jpeg": _jpeg,
}

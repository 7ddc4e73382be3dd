"""What a JPEG's head says, and whether a GPU's engine shows it as this server's own decoder would.

It reads markers only (ITU-T T.81, annex B); it decodes nothing.
"""

import msgspec

BASELINE = 0xC0
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
SCAN = 0xDA
EXIF, APP14 = 0xE1, 0xEE
BARE = frozenset((0x01, *range(0xD0, 0xD8)))  # markers without a length
START, END = b"\xff\xd8", b"\xff\xd9"
TAIL_BYTES = 64  # what may follow the end: some cameras pad

ENGINE_PIXELS_MAX = 4_000_000  # larger pictures are decoded on the CPU: each takes three bytes a pixel there


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """Of one JPEG."""

    width: int
    height: int
    plain: bool  # baseline, 8 bits, gray or YCbCr, in one scan, no Exif that might turn it


def read_head(raw: bytes | memoryview) -> Head | None:
    """The head, or None if these bytes are no JPEG or end too early."""
    if bytes(raw[:2]) != START or END not in bytes(raw[-TAIL_BYTES:]):
        return None
    place, plain, length = 2, True, len(raw)
    height = width = components = 0
    while place + 9 < length:
        if raw[place] != 0xFF:
            return None
        marker = raw[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in BARE:
            place += 2
            continue
        size = raw[place + 2] << 8 | raw[place + 3]
        if size < 2:
            return None
        if marker == SCAN:
            plain = plain and raw[place + 4] == components  # all colours in one
            return Head(width=width, height=height, plain=plain) if components else None
        if marker in FRAMES:
            plain = plain and not components and marker == BASELINE and raw[place + 4] == 8
            height = raw[place + 5] << 8 | raw[place + 6]
            width = raw[place + 7] << 8 | raw[place + 8]
            components = raw[place + 9]
            plain = plain and components in (1, 3) and width > 0 and height > 0
        elif marker == APP14 or (marker == EXIF and bytes(raw[place + 4 : place + 8]) == b"Exif"):
            plain = plain and not _turns(raw[place + 10 : place + 2 + size], marker)
        place += 2 + size
    return None


def engine_shows(raw: bytes | memoryview) -> bool:
    """Whether an engine is to decode a picture as it is; told from its head."""
    head = read_head(raw)
    return head is not None and head.plain and head.width * head.height <= ENGINE_PIXELS_MAX


def _turns(exif: bytes | memoryview, marker: int) -> bool:
    """Whether the Exif block has an orientation that is not upright; what cannot be read might have."""
    if marker == APP14:  # Adobe's: says which colours they are, and few say the usual
        return True
    order = {b"II": "little", b"MM": "big"}.get(bytes(exif[:2]))
    if order is None or len(exif) < 10:
        return True
    big = order == "big"
    at = int.from_bytes(exif[4:8], "big" if big else "little")
    count = int.from_bytes(exif[at : at + 2], "big" if big else "little")
    for place in range(at + 2, at + 2 + 12 * min(count, 64), 12):
        entry = exif[place : place + 12]
        if int.from_bytes(entry[:2], "big" if big else "little") == 0x0112:
            return int.from_bytes(entry[8:10], "big" if big else "little") not in (0, 1)
    return False

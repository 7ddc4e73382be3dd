"""Heads of plain answers, read for what a load generator wants of them: the status and the length. Pure.

What is unusual (chunked, interim, closing, in pieces) is left to llhttp.
"""

Plain = tuple[int, int]
"""The status, and how many bytes of the body are still to come: below 0 more came than were announced."""

_HEAD_BYTES_MAX = 16_384


def read_plain(data: bytes) -> Plain | None:
    """Of the bytes that an answer begins with; None for an unusual answer, or a head that is not whole."""
    end = data.find(b"\r\n\r\n", 0, _HEAD_BYTES_MAX)
    if end < 0 or not data.startswith(b"HTTP/1.1 "):
        return None
    head = data[: end + 2].lower()
    if b"\r\nconnection:" in head or b"\r\ntransfer-encoding:" in head:
        return None
    at = head.find(b"\r\ncontent-length:")
    status = head[9:12]
    if at < 0 or not status.isdigit() or status < b"200" or status in (b"204", b"304"):
        return None
    length = head[at + 17 : head.find(b"\r\n", at + 17)].strip()
    if not length.isdigit():
        return None
    return int(status), int(length) - (len(data) - end - 4)

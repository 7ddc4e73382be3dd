"""A body that arrives in pieces: joining it copies each byte once, and small pieces stay small."""

SMALL_BYTES = 16 * 1024
"""Smaller pieces are gathered in a buffer: as objects of their own, pieces of one byte would take forty."""

BUFFER_BYTES = 64 * 1024


class Pieces:
    """The pieces so far, in order."""

    __slots__ = ("_buffer", "_pieces")

    def __init__(self, first: bytes) -> None:
        self._pieces: list[bytes] = [first]
        self._buffer = bytearray()

    def add(self, piece: bytes) -> None:
        """One more."""
        if len(piece) < SMALL_BYTES:
            self._buffer += piece
            if len(self._buffer) < BUFFER_BYTES:
                return
            piece = b""
        self._pour()
        if piece:
            self._pieces.append(piece)

    def whole(self) -> bytes:
        """All of them."""
        self._pour()
        return b"".join(self._pieces)

    def _pour(self) -> None:
        if self._buffer:
            self._pieces.append(bytes(self._buffer))
            self._buffer = bytearray()

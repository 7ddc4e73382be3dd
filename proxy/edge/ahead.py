"""Bytes of a caller that arrived while its request was being served: kept, in order, until their turn."""


class Ahead:
    """What waits. `full` says that reading must pause: from then until it is taken."""

    __slots__ = ("_bytes", "_bytes_max", "_pieces")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._pieces: list[bytes] = []
        self._bytes = 0

    @property
    def waits(self) -> bool:
        """Whether there is anything."""
        return bool(self._pieces)

    @property
    def full(self) -> bool:
        """Whether there is more than may wait."""
        return self._bytes > self._bytes_max

    def add(self, data: bytes) -> None:
        """Keep these."""
        self._pieces.append(data)
        self._bytes += len(data)

    def take(self) -> bytes:
        """All of it."""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._bytes = 0
        return data

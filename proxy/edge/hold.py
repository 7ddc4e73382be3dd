"""What the bodies of requests take, all connections together: they are kept whole until they are answered.

A request must be replayable for every tier and for the queue; what cannot be kept is refused early, with 503,
never dropped later. Small bodies are not counted: the number of connections bounds them.
"""

COUNTED_BYTES_MIN = 64 * 1024
"""Bodies up to this size are not counted."""


class Hold:
    """Counts, up to `bytes_max`."""

    __slots__ = ("bytes", "bytes_max")

    def __init__(self, bytes_max: int) -> None:
        self.bytes_max = bytes_max
        self.bytes = 0

    def take(self, count: int) -> bool:
        """So many more, if there is room for all of them."""
        if self.bytes + count > self.bytes_max:
            return False
        self.bytes += count
        return True

    def give_back(self, count: int) -> None:
        """So many less."""
        self.bytes -= count
        assert self.bytes >= 0, "bytes were given back twice"

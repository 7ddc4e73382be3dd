"""Ids for requests that come without one: 128 random bits, drawn many at a time because that is cheaper."""

from proxy.ports import Rng

DIGITS = 32
BATCH = 64


class RequestIds:
    """Gives ids, each once."""

    __slots__ = ("_digits", "_place", "_rng")

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self._digits = ""
        self._place = 0

    def next(self) -> str:
        """A fresh one: 32 hexadecimal digits."""
        place = self._place
        if place >= len(self._digits):
            self._digits = f"{self._rng.getrandbits(4 * DIGITS * BATCH):0{DIGITS * BATCH}x}"
            place = 0
        self._place = place + DIGITS
        return self._digits[place : place + DIGITS]

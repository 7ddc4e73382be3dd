"""Latencies as an HDR histogram: three significant digits from a microsecond to an hour; exact to add up."""

from collections.abc import Iterable
from typing import Self

from hdrh.histogram import HdrHistogram

MICROS_MAX = 3_600_000_000
DIGITS = 3


class Histogram:
    """Of times in seconds; anything longer than an hour counts as an hour."""

    def __init__(self) -> None:
        self._counts = HdrHistogram(1, MICROS_MAX, DIGITS)

    @classmethod
    def of(cls, times_s: Iterable[float]) -> Self:
        """All of these times."""
        histogram = cls()
        record = histogram._counts.record_value
        for time_s in times_s:
            record(min(max(1, round(time_s * 1e6)), MICROS_MAX))
        return histogram

    @classmethod
    def decode(cls, text: str) -> Self:
        """From what `encode` gave."""
        histogram = cls()
        histogram._counts.decode_and_add(text.encode("ascii"))
        return histogram

    @property
    def count(self) -> int:
        """How many times it holds."""
        return int(self._counts.get_total_count())

    def add(self, other: "Histogram") -> None:
        """Take the other's times in."""
        self._counts.add(other._counts)  # noqa: SLF001

    def quantile_ms(self, share: float) -> float:
        """The time that `share` of them do not exceed, in ms; 0 where there are none."""
        if not self.count:
            return 0.0
        return float(self._counts.get_value_at_percentile(share * 100)) / 1e3

    def encode(self) -> str:
        """In the HDR format (V2, compressed, base64) that its other tools read."""
        return bytes(self._counts.encode()).decode("ascii")

"""A rate over time: pieces on which it changes evenly. Knows how many requests fall before a time, and back.

The time of the n-th request is where the integral of the rate reaches n (time rescaling of a point process:
Daley and Vere-Jones, An Introduction to the Theory of Point Processes, 7.4).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from sim.shapes.sheet import Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """`edges_s`: n + 1 ascending times; `left`, `right`: the rates per second at both ends of each piece."""

    edges_s: Floats
    left: Floats
    right: Floats

    @classmethod
    def of_points(cls, at_s: Sequence[float], rates: Sequence[float]) -> Self:
        """Straight lines between these points."""
        points = np.asarray(rates, dtype=np.float64)
        return cls(edges_s=np.asarray(at_s, dtype=np.float64), left=points[:-1], right=points[1:])

    @classmethod
    def of_levels(cls, edges_s: Floats, rates: Floats) -> Self:
        """One rate from each edge to the next."""
        return cls(edges_s=edges_s, left=rates, right=rates)

    @property
    def seconds(self) -> float:
        """From the first edge to the last."""
        return float(self.edges_s[-1] - self.edges_s[0])

    @property
    def count(self) -> float:
        """How many requests the whole of it stands for."""
        return float(self._pieces().sum())

    def counts(self) -> Floats:
        """How many requests come before each edge."""
        return np.concatenate(([0.0], np.cumsum(self._pieces())))

    def rates(self, at_s: Floats) -> Floats:
        """The rate at these times; the later one where it jumps."""
        piece = np.clip(np.searchsorted(self.edges_s, at_s, "right") - 1, 0, len(self.left) - 1)
        width = np.diff(self.edges_s)[piece]
        share = (at_s - self.edges_s[piece]) / np.where(width > 0, width, 1.0)
        found: Floats = self.left[piece] + share * (self.right[piece] - self.left[piece])
        return found

    def times(self, counts: Floats) -> Floats:
        """When so many requests have come, from the first edge; `counts` from 0 to below `count`."""
        before = self.counts()
        # The piece in which the count lies; one without requests holds none.
        piece = np.clip(np.searchsorted(before, counts, "right") - 1, 0, len(self.left) - 1)
        more, rate = counts - before[piece], self.left[piece]
        slope = (self.right[piece] - rate) / np.diff(self.edges_s)[piece]
        root = np.sqrt(np.maximum(rate * rate + 2.0 * slope * more, 0.0))
        below = rate + root
        into = np.divide(2.0 * more, below, out=np.zeros_like(more), where=below > 0)
        found: Floats = self.edges_s[piece] - self.edges_s[0] + into
        return found

    def between(self, from_s: float, to_s: float) -> Self:
        """The part of it between two times on its own axis."""
        inner = self.edges_s[(self.edges_s > from_s) & (self.edges_s < to_s)]
        edges = np.concatenate(([from_s], inner, [to_s]))
        middle = (edges[:-1] + edges[1:]) / 2
        piece = np.clip(np.searchsorted(self.edges_s, middle, "right") - 1, 0, len(self.left) - 1)
        slope = (self.right - self.left)[piece] / np.diff(self.edges_s)[piece]
        left = self.left[piece] + slope * (edges[:-1] - self.edges_s[piece])
        right = self.left[piece] + slope * (edges[1:] - self.edges_s[piece])
        return type(self)(edges_s=edges, left=left, right=right)

    def changed(self, *, speed: float = 1.0, scale: float = 1.0) -> Self:
        """Played `speed` times as fast, so at a rate so much higher, and the rate times `scale`."""
        factor = speed * scale
        return type(self)(edges_s=self.edges_s / speed, left=self.left * factor, right=self.right * factor)

    def _pieces(self) -> Floats:
        found: Floats = (self.left + self.right) / 2 * np.diff(self.edges_s)
        return found

"""Penstock beside each other peer, in words: ratios of the rounds, and what a table of many rows costs."""

from collections.abc import Sequence

from sim.bench.peers.penstock import ROWS
from sim.bench.peers.summary import REFERENCES, TWINS, Spread, Summary

OURS = tuple(TWINS)
"""Those that are compared with the others."""


def times(spread: Spread | None) -> str:
    """A ratio with its spread; `-` where it is unknown."""
    return "-" if spread is None else f"{spread.median:.2f} ({spread.low:.2f}–{spread.high:.2f})"


def comparisons(summary: Summary) -> list[str]:
    """Lines below a case's table: answers per second, and processor time a request, over each reference's."""
    if summary.peer not in OURS:
        return []
    lines = []
    for heading, ratios in (("answers/s", summary.ratios), ("CPU", summary.cpu_ratios)):
        found = [f"×{name} {times(ratios[name])}" for name in REFERENCES if name in ratios]
        if found:
            lines.append(f"{summary.peer}, {heading}: {', '.join(found)}")
    return lines


def cost_of_rows(summaries: Sequence[Summary]) -> list[str]:
    """What 10,000 rows cost beside few, for each of ours that was measured beside its twin."""
    found = [(each, TWINS[each.peer]) for each in summaries if each.peer in OURS]
    return [
        f"{ROWS:,} rows: {summary.peer} over {twin}: answers/s {times(summary.ratios[twin])},"
        f" CPU {times(summary.cpu_ratios.get(twin))}"
        for summary, twin in found
        if twin in summary.ratios
    ]

"""Look-up in the routing table: does a request pay for the number of rows? Medians, six against 10,000.

`python -m sim.bench.lookup`. Each figure is the median of several rounds of one look-up; "first" is a label
set not seen before (a plan is made), "again" one that the table remembers.
"""

import statistics
import time
from collections.abc import Callable

from proxy.routing.parse import parse_table
from proxy.routing.table import Table

ROUNDS = 15
LOOK_UPS = 2_000


def table_of(rows: int) -> Table:
    """A table of this many rows: every label matches three of them, in two tiers."""
    lines = [
        "version: 1",
        "applications: {a: {endpoints: 'http://h:1'}, b: {endpoints: 'http://h:2'}}",
        "routes:",
    ]
    for number in range(rows):
        application, priority = "ab"[number % 2], number % 3 // 2
        lines.append(
            f"  - {{application: {application}, timeout: 100, weight: {number % 9 + 1}, "
            f"priority: {priority}, clusterType: http, label: {number // 3}}}"
        )
    table = parse_table("\n".join(lines), {})
    assert isinstance(table, Table)
    return table


def median_ns(look_up: Callable[[], None]) -> float:
    """Nanoseconds per look-up: the median of the rounds."""
    spans = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        look_up()
        spans.append((time.perf_counter_ns() - began) / LOOK_UPS)
    return statistics.median(spans)


def measure(rows: int) -> tuple[float, float, float]:
    """Nanoseconds of a first look-up, of one that is remembered, and milliseconds of parsing."""
    began = time.perf_counter_ns()
    table = table_of(rows)
    parse_ms = (time.perf_counter_ns() - began) / 1e6
    last = str(rows // 3 - 1)
    unseen = frozenset((last,))
    assert sum(len(tier.rows) for tier in table.plan((last,), drained=False).tiers) == 3

    def first() -> None:
        for _ in range(LOOK_UPS):
            table.plan_afresh(unseen, drained=False)

    def again() -> None:
        for _ in range(LOOK_UPS):
            table.plan((last,), drained=False)

    return median_ns(first), median_ns(again), parse_ms


def main() -> None:
    """Print the table."""
    print(f"{'rows':>7} {'first, ns':>10} {'again, ns':>10} {'parse, ms':>10}")
    for rows in (6, 10_000):
        first, again, parse_ms = measure(rows)
        print(f"{rows:>7} {first:>10.0f} {again:>10.0f} {parse_ms:>10.1f}")


if __name__ == "__main__":
    main()

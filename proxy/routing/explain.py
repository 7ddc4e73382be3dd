"""Where requests with certain labels go, and why not elsewhere: `penstock explain` and `/v1/explain`.

Says what `Table.plan` and the draw would do, in values that JSON can carry. Draws nothing, calls nothing.
"""

from collections.abc import Callable
from typing import Any

from proxy.routing.table import ANY, Row, Table, Tier

WEIGHTLESS = "weight"
"""Why a row of weight 0 is out."""


def explain(
    table: Table, labels: tuple[str, ...], bar: Callable[[str], str | None] | None = None
) -> dict[str, Any]:
    """The class, the tiers and their rows. `bar` says why an application may not be called now.

    A row's `share` is its part of the tier's traffic among the rows that may be drawn now; `out` is why
    it may not, else None. Times are ms. Without `bar`, only the table speaks.
    """
    plan = table.plan(labels, drained=False)
    deadline_s = plan.qos.deadline_s
    return {
        "labels": list(labels),
        "class": plan.qos.name,
        "deadline_ms": None if deadline_s is None else _ms(deadline_s),
        "tiers": [_tier(tier, labels, bar) for tier in plan.tiers],
        "rows": len(table.rows),
        "rows_without_a_shared_label": len(table.rows) - sum(len(tier.rows) for tier in plan.tiers),
    }


def _tier(tier: Tier, labels: tuple[str, ...], bar: Callable[[str], str | None] | None) -> dict[str, Any]:
    reasons = [_reason(row, bar) for row in tier.rows]
    total = sum(row.weight for row, reason in zip(tier.rows, reasons, strict=True) if reason is None)
    return {
        "priority": tier.priority,
        "rows": [
            {
                "row": row.number,
                "line": row.line,
                "application": row.application,
                "cluster_type": row.cluster_type,
                "weight": row.weight,
                "timeout_ms": _ms(row.timeout_s),
                "share": row.weight / total if reason is None else 0.0,
                "matched": [label for label in (*labels, ANY) if label in row.labels],
                "out": reason,
            }
            for row, reason in zip(tier.rows, reasons, strict=True)
        ],
    }


def _reason(row: Row, bar: Callable[[str], str | None] | None) -> str | None:
    if row.weight == 0:
        return WEIGHTLESS
    return bar(row.application) if bar is not None else None


def _ms(seconds: float) -> float:
    """Milliseconds without the noise of binary fractions: 0.1 s is 100.0 ms."""
    return round(seconds * 1000, 6)

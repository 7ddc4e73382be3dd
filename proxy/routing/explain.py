"""Where requests with certain labels go, and why not elsewhere: `penstock explain` and `/v1/explain`.

Says what `Table.plan` and the draw would do, in values that JSON can carry. Draws nothing, calls nothing.
"""

from collections.abc import Sequence
from typing import Any

from proxy.routing.sight import USUAL, Sight
from proxy.routing.table import ANY, Row, Table, Tier

WEIGHTLESS, DEADLINE = "weight", "deadline"
"""Why a row of weight 0 is out, and one whose application takes longer than the class has."""


def explain(table: Table, labels: tuple[str, ...], sights: Sequence[Sight] = ()) -> dict[str, Any]:
    """The class, the tiers and their rows, as the processes of a proxy see them now; or by the table alone.

    A row's `share` is its part of the tier's traffic among the rows that may be drawn now, over all
    processes, which are taken to have as many callers each; `ramp` is the part of its weight that it is
    drawn by (below 1 after its breaker was open). `out` is why it may not be drawn, in `out_in` of the
    processes, else None. `endpoints_out` says which of its endpoints are not drawn, and why. Times are ms.
    """
    plan = table.plan(labels, drained=False)
    deadline_s = plan.qos.deadline_s
    seen = sights or (USUAL,)
    return {
        "labels": list(labels),
        "class": plan.qos.name,
        "deadline_ms": None if deadline_s is None else _ms(deadline_s),
        "processes": len(sights),
        "tiers": [
            {"priority": tier.priority, "rows": _rows(tier, labels, seen, deadline_s)} for tier in plan.tiers
        ],
        "rows": len(table.rows),
        "rows_without_a_shared_label": len(table.rows) - sum(len(tier.rows) for tier in plan.tiers),
    }


def _rows(
    tier: Tier, labels: tuple[str, ...], sights: Sequence[Sight], deadline_s: float | None
) -> list[dict[str, Any]]:
    reasons = [[_reason(row, sight, deadline_s) for row in tier.rows] for sight in sights]
    shares = [_shares(tier, sight, outs) for sight, outs in zip(sights, reasons, strict=True)]
    return [
        {
            "row": row.number,
            "line": row.line,
            "application": row.application,
            "cluster_type": row.cluster_type,
            "weight": row.weight,
            "timeout_ms": _ms(row.timeout_s),
            "ramp": _mean([sight.parts.get(row.application, 1.0) for sight in sights]),
            "share": _mean([share[place] for share in shares]),
            "matched": [label for label in (*labels, ANY) if label in row.labels],
            "out": next((outs[place] for outs in reasons if outs[place] is not None), None),
            "out_in": sum(outs[place] is not None for outs in reasons),
            "endpoints_out": {
                url: why for sight in sights for url, why in sight.endpoints.get(row.application, {}).items()
            },
        }
        for place, row in enumerate(tier.rows)
    ]


def _shares(tier: Tier, sight: Sight, outs: Sequence[str | None]) -> list[float]:
    """Of each row, in one process."""
    weights = [
        row.weight * sight.parts.get(row.application, 1.0) if out is None else 0.0
        for row, out in zip(tier.rows, outs, strict=True)
    ]
    total = sum(weights)
    return [weight / total if weight else 0.0 for weight in weights]


def _reason(row: Row, sight: Sight, deadline_s: float | None) -> str | None:
    if row.weight == 0:
        return WEIGHTLESS
    bar = sight.bars.get(row.application)
    if bar is None and deadline_s is not None and sight.medians_s.get(row.application, 0.0) > deadline_s:
        return DEADLINE
    return bar


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _ms(seconds: float) -> float:
    """Milliseconds without the noise of binary fractions: 0.1 s is 100.0 ms."""
    return round(seconds * 1000, 6)

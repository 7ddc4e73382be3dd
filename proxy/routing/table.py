"""The routing table as an immutable value, compiled for look-up by label.

Built by `parse.py` from YAML, or by tests directly. Decides what a set of labels selects: its class
and its tiers. Never decides which row of a tier is drawn (`choose.py`), nor what may be called now.
"""

import hashlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import ClassVar

from proxy.routing.application import Application, BreakerLimits, FallThrough, HealthCheck, LabelerSpec
from proxy.routing.rows import ANY, Plan, QosClass, Row, Tier

__all__ = (
    "ANY",
    "Application",
    "BreakerLimits",
    "FallThrough",
    "HealthCheck",
    "LabelerSpec",
    "Plan",
    "QosClass",
    "Row",
    "Table",
    "Tier",
    "digest_of",
)

CLASSES_MAX = 100
"""Declared QoS classes in one table."""

PLANS_HELD_MAX = 4_096
"""Plans remembered for label sets seen before."""

SEEN_LABELS_MAX = 8
"""Plans are remembered by the very labels of a request only where there are few of them."""

PLAN_ROWS_HELD_MAX = 1_000_000
"""Rows that the remembered plans refer to, all of them together: what bounds their memory."""


class Table:
    """A routing table in force: never changed after it was built (the memory of plans aside).

    `classes` are the declared ones in order and, last, `default`; `digest` is the SHA-256 of `source`.
    """

    OFFLINE: ClassVar[QosClass] = QosClass(name="offline", rank=CLASSES_MAX + 1, labels=frozenset())
    """The class of requests that come back from the offline queue: the least critical, no deadline."""

    __slots__ = (
        "_labels", "_plans", "_rows_by_label", "_rows_held", "_seen",
        "applications", "classes", "digest", "fall_through", "labelers", "rows", "source",
    )  # fmt: skip

    def __init__(
        self,
        *,
        rows: Iterable[Row],
        applications: Mapping[str, Application],
        classes: Iterable[QosClass] = (),
        labelers: Iterable[LabelerSpec] = (),
        fall_through: FallThrough | None = None,
        source: bytes = b"",
    ) -> None:
        declared = tuple(classes)
        self.rows = tuple(rows)
        self.applications: Mapping[str, Application] = MappingProxyType(dict(applications))
        self.classes = (*declared, QosClass(name="default", rank=len(declared), labels=frozenset()))
        self.labelers = tuple(labelers)
        self.fall_through = fall_through or FallThrough()
        self.source = source
        self.digest = digest_of(source)
        self._rows_by_label = _index(self.rows)
        # Only these can make a difference: labels that no row and no class names are not remembered.
        self._labels = frozenset(self._rows_by_label).union(*(qos.labels for qos in declared)) - {ANY}
        self._plans: dict[tuple[frozenset[str], bool], Plan] = {}
        self._seen: dict[tuple[str, ...], Plan] = {}  # by the labels as they came: the same plans
        self._rows_held = 0

    def plan(self, labels: tuple[str, ...], drained: bool) -> Plan:
        """What the labels select; `drained`: back from the offline queue. Without tiers: no row matches."""
        seen = None if drained else self._seen.get(labels)
        if seen is not None:
            return seen
        key = (self._labels.intersection(labels), drained)
        plan = self._plans.get(key)
        if plan is None:
            plan = self.plan_afresh(*key)
            self._remember(key, plan)
        if not drained and len(labels) <= SEEN_LABELS_MAX:
            if len(self._seen) >= PLANS_HELD_MAX:
                self._seen = {}
            self._seen[labels] = plan
        return plan

    def plan_afresh(self, labels: frozenset[str], drained: bool) -> Plan:
        """The same, made from the index and not remembered: its cost grows with the rows that match."""
        qos = self.OFFLINE if drained else self._class_of(labels)
        return Plan(qos=qos, tiers=self._tiers(labels))

    def _class_of(self, labels: frozenset[str]) -> QosClass:
        for qos in self.classes:
            if not qos.labels.isdisjoint(labels):
                return qos
        return self.classes[-1]

    def _tiers(self, labels: frozenset[str]) -> tuple[Tier, ...]:
        places: set[int] = set()
        for label in (ANY, *labels):
            places.update(self._rows_by_label.get(label, ()))
        by_priority: dict[int, list[Row]] = {}
        for place in sorted(places):
            row = self.rows[place]
            by_priority.setdefault(row.priority, []).append(row)
        return tuple(Tier(priority=level, rows=tuple(by_priority[level])) for level in sorted(by_priority))

    def _remember(self, key: tuple[frozenset[str], bool], plan: Plan) -> None:
        rows = sum(len(tier.rows) for tier in plan.tiers)
        if len(self._plans) >= PLANS_HELD_MAX or self._rows_held + rows > PLAN_ROWS_HELD_MAX:
            # Start afresh: the label sets in use come back at once, and no request pays for bookkeeping.
            self._plans = {}
            self._seen = {}
            self._rows_held = 0
        self._plans[key] = plan
        self._rows_held += rows


def _index(rows: tuple[Row, ...]) -> dict[str, tuple[int, ...]]:
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        for label in row.labels:
            places.setdefault(label, []).append(place)
    return {label: tuple(found) for label, found in places.items()}


def digest_of(source: bytes) -> str:
    """What tells one table's text from another: its SHA-256."""
    return hashlib.sha256(source).hexdigest()

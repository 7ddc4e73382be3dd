"""Whom to ask about a model: metadata and readiness carry no payload, so labels cannot route them.

The applications are asked one after the other: first those whose table entry names the model, then
those that take any model, each group in the order of the routes.
"""

from proxy.routing.table import Plan, QosClass, Row, Table, Tier

QUESTION_S_MAX = 1.0
"""How long one application may think about a question."""

CATALOG = QosClass(name="catalog", rank=0, labels=frozenset(), deadline_s=2.0)
"""The class of such questions; its deadline bounds the round over all applications."""


class Catalog:
    """The applications of one table as a chain of people to ask."""

    def __init__(self, table: Table) -> None:
        first: dict[str, Row] = {}
        for row in table.rows:
            if row.weight > 0:
                first.setdefault(row.application, row)
        self._asked = [(table.applications[row.application].model, row) for row in first.values()]

    def plan(self, model: str) -> Plan:
        """One tier per application that may know the model ('' in the table: it may know any)."""
        named = [row for name, row in self._asked if name == model]
        open_to_any = [row for name, row in self._asked if not name]
        tiers = tuple(_question(place, row) for place, row in enumerate(named + open_to_any))
        return Plan(qos=CATALOG, tiers=tiers)


def _question(place: int, row: Row) -> Tier:
    asked = Row(
        number=row.number,
        application=row.application,
        timeout_s=QUESTION_S_MAX,
        weight=1,
        priority=place,
        cluster_type=row.cluster_type,
        labels=row.labels,
    )
    return Tier(priority=place, rows=(asked,))

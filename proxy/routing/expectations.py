"""Routing expectations as data: what an operator expects of a table, checked by `penstock check --expect`.

Compares what the table selects with what was written down. Never draws, never calls; the format is
explained in `routing_tables/README.md`.
"""

from typing import Any

from proxy.routing.document import Items, Node, Pairs, compose, kind
from proxy.routing.labels import Labels, Word
from proxy.routing.problems import Problem, Reports, nearest
from proxy.routing.readers import NUMBER_MAX, Flag, Milliseconds, Number, Schema
from proxy.routing.section import Key, ListOf, Section
from proxy.routing.table import Plan, Table

EXPECTATIONS_MAX = 10_000

_APPLICATION = Word("an application's id")


class _Shares:
    """`{1: 10, 4: 50}`: the applications of a tier and their weights; read as weights by application."""

    _weight = Number(least=0, most=NUMBER_MAX)

    def read(self, node: Node, reports: Reports) -> dict[str, float] | None:
        if not isinstance(node, Pairs):
            reports.add(node.line, f"a tier is a mapping, not {kind(node)}", "{application: weight, ...}")
            return None
        shares: dict[str, float] = {}
        for key, value in node.pairs:
            application = _APPLICATION.read(key, reports)
            weight = self._weight.read(value, reports)
            if application is not None and weight is not None:
                shares[application] = weight
        return shares if len(shares) == len(node.pairs) else None

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": self._weight.schema()}


class _Tiers:
    """A list of tiers, the first tried first."""

    def read(self, node: Node, reports: Reports) -> list[dict[str, float] | None] | None:
        if not isinstance(node, Items):
            reports.add(node.line, f"tiers are a list, not {kind(node)}", "[{1: 10, 4: 50}, {2: 20}]")
            return None
        return [_SHARES.read(item, reports) for item in node.nodes]

    def schema(self) -> Schema:
        return {"type": "array", "items": _SHARES.schema()}


_SHARES = _Shares()

EXPECTATION = Section(
    "an expectation",
    Key(name="labels", reader=Labels(empty=True), meaning="the request's labels; [] for none", required=True),
    Key(name="class", reader=Word("a class's name"), meaning="the name of its QoS class"),
    Key(name="deadline", reader=Milliseconds(), meaning="the deadline of its class in ms"),
    Key(name="tiers", reader=_Tiers(), meaning="all of its tiers in order: {application: weight, ...}"),
    Key(name="unroutable", reader=Flag(), meaning="true: no row matches; false: some row does"),
    Key(name="never", reader=Labels(), meaning="applications that such a request must not reach, in no tier"),
)
EXPECTATIONS = ListOf(EXPECTATION, least=1, most=EXPECTATIONS_MAX)


def check_expectations(table: Table, text: bytes | str) -> list[Problem]:
    """Every expectation that the table does not meet, and every fault of the expectations; by line."""
    reports = Reports()
    source = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    root = compose(source, {}, reports, "expectations are a list: - {labels: [1125], tiers: [{1: 10}]}")
    entries = None if root is None else EXPECTATIONS.read(root, reports)
    for node, values in entries or ():
        if not EXPECTATION.suffices(values):
            continue
        if len(node.pairs) == 1:
            hint = "state class, deadline, tiers, unroutable or never"
            reports.add(node.line, "this expects nothing", hint)
        _compare(table, node, values, reports)
    return list(reports.problems().found)


def _compare(table: Table, node: Pairs, values: dict[str, Any], reports: Reports) -> None:
    plan = table.plan(values["labels"], drained=False)
    who = f"labels {', '.join(values['labels']) or 'none'}"
    deadline_s = plan.qos.deadline_s
    tiers = [_shares_of(plan, place) for place in range(len(plan.tiers))]
    reached = [application for tier in tiers for application, weight in tier.items() if weight > 0]

    def differ(key: str, expected: str, found: str) -> None:
        reports.add(node.line_of(key), f"{who}: expected {expected}", f"the table says: {found}")

    if values.get("class", plan.qos.name) != plan.qos.name:
        differ("class", f"class {values['class']}", f"class {plan.qos.name}")
    if values.get("deadline", deadline_s) != deadline_s:
        found = "none" if deadline_s is None else f"{deadline_s * 1000:g} ms"
        differ("deadline", f"a deadline of {values['deadline'] * 1000:g} ms", found)
    if None not in values.get("tiers", tiers) and values.get("tiers", tiers) != tiers:
        differ("tiers", f"tiers {_shown(values['tiers'])}", f"tiers {_shown(tiers)}")
    if values.get("unroutable", not tiers) != (not tiers):
        expected = "no matching row" if values["unroutable"] else "a matching row"
        differ("unroutable", expected, f"tiers {_shown(tiers)}")
    for application in values.get("never", ()):
        if application not in table.applications:
            hint = nearest(application, table.applications)
            reports.add(node.line_of("never"), f"the table has no application '{application}'", hint)
        elif application in reached:
            differ("never", f"never application {application}", f"tiers {_shown(tiers)}")


def _shares_of(plan: Plan, place: int) -> dict[str, float]:
    shares: dict[str, float] = {}
    for row in plan.tiers[place].rows:
        shares[row.application] = shares.get(row.application, 0.0) + row.weight
    return shares


def _shown(tiers: list[dict[str, float]]) -> str:
    """Tiers as the expectations file writes them."""
    shown = [
        ", ".join(f"{application}: {weight:g}" for application, weight in tier.items()) for tier in tiers
    ]
    return "[" + ", ".join(f"{{{tier}}}" for tier in shown) + "]"

"""From the text of a table to a `Table`, or to every problem with it at once.

Reads the sections (`definition.py`), then checks what no section can see alone: names that refer to
each other, and rows that repeat each other. Never reads a file, never builds a labeler.
"""

from collections.abc import Callable, Mapping
from typing import Any

from proxy.routing.definition import APPLICATION, HEALTH, LABELER, ROUTE, TABLE
from proxy.routing.document import Pairs, Scalar, builtins, compose, is_broken
from proxy.routing.problems import Problems, Reports, nearest
from proxy.routing.table import (
    Application,
    BreakerLimits,
    FallThrough,
    HealthCheck,
    LabelerSpec,
    QosClass,
    Row,
    Table,
)

RESERVED_CLASSES = ("offline", "default", "catalog")
"""Names of classes that every table has."""

CheckLabeler = Callable[[LabelerSpec], str | None]


def parse_table(
    text: bytes | str, environ: Mapping[str, str], check_labeler: CheckLabeler | None = None
) -> Table | Problems:
    """The table, `${NAME}` filled in from `environ`; `check_labeler` says what is wrong with a labeler."""
    source = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else bytes(text)
    reports = Reports()
    root = compose(source, environ, reports)
    if root is None:
        return reports.problems()
    sections = TABLE.read(root, reports) or {}
    applications = _applications(sections.get("applications", []), reports)
    routes = sections.get("routes", [])
    if "applications" in sections:
        _check_references(routes, applications, reports)
    rows = _rows(routes, reports)
    classes = _classes(sections.get("classes", []), reports)
    labelers = _labelers(sections.get("labelers", []), check_labeler, reports)
    if reports.found:
        return reports.problems()
    whole = {name: application for name, application in applications.items() if application is not None}
    return Table(
        rows=rows,
        applications=whole,
        classes=classes,
        labelers=labelers,
        fall_through=_fall_through(sections.get("fallThrough", {})),
        source=source,
    )


Entries = list[tuple[Pairs, dict[str, Any]]]
Applications = dict[str, Application | None]
"""By id; None for one that is there but wrong, so that the rows which name it are not blamed."""


def _applications(entries: list[tuple[Scalar, dict[str, Any] | None]], reports: Reports) -> Applications:
    return {key.text: _application(key, values or {}, reports) for key, values in entries}


def _application(key: Scalar, values: dict[str, Any], reports: Reports) -> Application | None:
    breaker = _breaker(values.get("breaker", {}), key.line, reports)
    if not APPLICATION.suffices(values):
        return None
    return Application(
        id=key.text,
        endpoints=values["endpoints"],
        model=values.get("model", ""),
        concurrency=values.get("concurrency"),
        adaptive=values.get("adaptive", False),
        rate=values.get("rate"),
        burst=values.get("burst"),
        headers=values.get("headers", ()),
        breaker=breaker,
        health=_health(values.get("health")),
        line=key.line,
    )


def _breaker(values: dict[str, Any], line: int, reports: Reports) -> BreakerLimits:
    default = BreakerLimits()
    rest_s = values.get("rest", default.rest_s)
    rest_max_s = values.get("restMax", max(default.rest_max_s, rest_s))
    if rest_s > rest_max_s:
        reports.add(line, "the breaker's first rest is longer than restMax", "raise restMax, or lower rest")
    return BreakerLimits(
        consecutive=values.get("consecutive", default.consecutive),
        ratio=values.get("ratio", default.ratio),
        calls_min=values.get("calls", default.calls_min),
        window_s=values.get("window", default.window_s),
        rest_s=rest_s,
        rest_max_s=rest_max_s,
        slow_s=values.get("slow"),
        slow_ratio=values.get("slowRatio", default.slow_ratio),
    )


def _health(values: dict[str, Any] | None) -> HealthCheck | None:
    if values is None or not HEALTH.suffices(values):  # without a path: reported
        return None
    names = {"path": "path", "every": "every_s", "timeout": "timeout_s", "down": "down", "up": "up"}
    return HealthCheck(**{names[key]: value for key, value in values.items()})


def _fall_through(values: dict[str, Any]) -> FallThrough:
    default = FallThrough()
    return FallThrough(
        share=values.get("share", default.share), per_second=values.get("perSecond", default.per_second)
    )


def _check_references(routes: Entries, applications: Applications, reports: Reports) -> None:
    for node, values in routes:
        name = values.get("application")
        if name is not None and name not in applications:
            line = node.line_of("application")
            reports.add(line, f"no application '{name}' under applications", nearest(name, applications))


def _rows(routes: Entries, reports: Reports) -> list[Row]:
    rows = []
    first: dict[tuple[str, int, str, frozenset[str]], int] = {}
    for number, (node, values) in enumerate(routes, start=1):
        if not ROUTE.suffices(values):
            continue
        row = _row(number, node.line, values)
        same = (row.application, row.priority, row.cluster_type, row.labels)
        if same in first:
            reports.add(
                row.line, f"this row repeats the row on line {first[same]}", "add its weight to that row's"
            )
        first.setdefault(same, row.line)
        rows.append(row)
    return rows


def _row(number: int, line: int, values: dict[str, Any]) -> Row:
    return Row(
        number=number,
        application=values["application"],
        timeout_s=values["timeout"],
        weight=values["weight"],
        priority=values["priority"],
        cluster_type=values["clusterType"],
        labels=frozenset(values["label"]),
        line=line,
    )


def _classes(entries: Entries, reports: Reports) -> list[QosClass]:
    classes: dict[str, QosClass] = {}
    lines: dict[str, int] = {}
    for node, values in entries:
        name = values.get("name")
        if name is None:
            continue
        line = node.line_of("name")
        if name in RESERVED_CLASSES:
            reports.add(line, f"class name '{name}' is taken", "every table has a class of that name")
        elif name in lines:
            reports.add(line, f"class '{name}' is declared twice", f"first on line {lines[name]}")
        lines.setdefault(name, line)
        if classes and values.get("hedge"):
            line = node.line_of("hedge")
            reports.add(line, f"class '{name}' cannot be hedged", "only the first class, the most critical")
        classes[name] = QosClass(
            name=name,
            rank=len(classes),
            labels=frozenset(values.get("label", ())),
            deadline_s=values.get("deadline"),
            hedge=values.get("hedge", False),
        )
    return list(classes.values())


def _labelers(entries: Entries, check: CheckLabeler | None, reports: Reports) -> list[LabelerSpec]:
    specs = []
    for node, values in entries:
        if not LABELER.suffices(values) or is_broken(node):
            continue
        spec = LabelerSpec(
            use=values["use"],
            options={key.text: builtins(value) for key, value in node.pairs if key.text not in LABELER.keys},
            default=values.get("default", ()),
            line=node.line,
            **({"budget_s": values["budget"]} if "budget" in values else {}),
        )
        wrong = check(spec) if check is not None else None
        if wrong is not None:
            reports.add(spec.line, f"labeler {spec.use}: {wrong}")
        specs.append(spec)
    return specs

"""From the text of a plan to a `ReplayPlan`, or to every problem with it at once, each with its line.

Reads the sections (`document.py`), then checks what none of them can see alone. Opens no other file.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.routing.document import Node, Pairs, compose
from proxy.routing.problems import Problems, Reports, nearest
from sim.load.errors import PlanRefused
from sim.load.limits import Punctuality
from sim.load.target import Target, read_target
from sim.replay.document import CLASS, FAULT, HTTP, PLAN, STAGE, VIRTUAL
from sim.replay.plan import (
    AbortRule,
    Fault,
    Payload,
    ReplayLimits,
    ReplayPlan,
    Simulation,
    Stage,
    TrafficClass,
    Virtual,
)
from sim.replay.threshold import ALL, Threshold
from sim.shapes.shape import AnyShape

BEGINS = "a plan begins with 'version: 1'"
Values = dict[str, Any]
_FIELDS = {
    "from": "from_s", "to": "to_s", "loop": "loop_s", "spread": "spread_s", "first": "first_s",
    "every": "every_s", "period": "period_s", "each": "each_s",
}  # fmt: skip
_RAMP = {"from": "from_rate", "to": "to_rate"}


def parse_plan(
    text: bytes, environ: Mapping[str, str], *, scale: float = 0.0, target: str = ""
) -> ReplayPlan | Problems:
    """The plan, `${NAME}` filled in; `scale` and `target`, where given, stand in place of the plan's own."""
    reports = Reports()
    root = compose(text, environ, reports, BEGINS)
    if root is None:
        return reports.problems()
    values = PLAN.read(root, reports) or {}
    allowed = values.get("allow", ())
    stages = _stages(values.get("stages", []), reports)
    classes = _classes(values.get("classes", []), reports)
    _check_mixes(values, reports)
    thresholds = _thresholds(values, reports)
    faults = _faults(values.get("faults", []), allowed, reports)
    target_line = _line(root, "target")
    reached = _target(target or values.get("target", ""), allowed, target_line, reports)
    metrics = values.get("metrics", "")
    if metrics:
        _target(metrics, allowed, _line(root, "metrics"), reports)
    if reports.found or reached is None:
        return reports.problems()
    abort = values.get("abort")
    return ReplayPlan(
        name=values["name"],
        says=values.get("says", ""),
        target=reached,
        stages=tuple(stages),
        classes=tuple(classes),
        thresholds=tuple(thresholds),
        faults=tuple(sorted(faults, key=lambda each: each.at_s)),
        abort=AbortRule(failed_share=abort["failed"] / 100, for_s=abort["for"]) if abort else None,
        limits=_limits(values.get("limits", {})),
        punctuality=_punctuality(values.get("punctuality", {})),
        metrics=metrics,
        metrics_every_s=values.get("metricsEvery", 1.0),
        minimum_sample=values.get("minimumSample", 0),
        scale=scale or values.get("scale", 1.0),
        seed=values.get("seed", 1),
        processes=values.get("processes", 1),
        simulation=Simulation(**values.get("simulate", {})),
    )


def _line(root: Node, key: str) -> int:
    return root.line_of(key) if isinstance(root, Pairs) else root.line


def _target(url: str, allowed: tuple[str, ...], line: int, reports: Reports) -> Target | None:
    if not url:
        return None
    try:
        return read_target(url, allowed)
    except PlanRefused as refused:
        reports.add(line, str(refused.args[0]), "`allow: [HOST]` in the plan says that it may be loaded")
        return None


def _stages(entries: list[tuple[Pairs, Values]], reports: Reports) -> list[Stage]:
    found: list[Stage] = []
    for node, values in entries:
        if not STAGE.suffices(values):
            continue
        if any(each.name == values["name"] for each in found):
            reports.add(node.line, f"a second stage is called {values['name']}")
        word, rest, shape = values["shape"]
        mix = tuple((key.text, weight) for key, weight in values.get("mix", ()))
        read = _shape(word, rest, shape, reports)
        found.append(Stage(name=values["name"], shape=read, mix=mix, line=shape.line))
    return found


def _names(values: Values, section: str) -> list[str]:
    """Also of entries that are wrong otherwise: who refers to them is not to blame."""
    return [entry["name"] for _, entry in values.get(section, []) if "name" in entry]


def _check_mixes(values: Values, reports: Reports) -> None:
    names = _names(values, "classes")
    for _, stage in values.get("stages", []):
        for key, _weight in stage.get("mix", ()):
            if key.text not in names:
                reports.add(key.line, f"no class is called {key.shown}", nearest(key.text, names))


def _shape(word: str, values: Values, node: Pairs, reports: Reports) -> AnyShape:
    if word == "milestones" and values.get("to") == 0:
        reports.add(
            node.line_of("to"), "0 s is midnight, and means the day's end here", "1 is after the jump"
        )
    names = {**_FIELDS, **(_RAMP if word == "ramp" else {})}
    shape: AnyShape = msgspec.convert(
        {"kind": word, **{names.get(key, key): value for key, value in values.items()}}, AnyShape
    )
    return shape


def _classes(entries: list[tuple[Pairs, Values]], reports: Reports) -> list[TrafficClass]:
    found: list[TrafficClass] = []
    for node, values in entries:
        if not CLASS.suffices(values):
            continue
        if values["name"] == ALL or any(each.name == values["name"] for each in found):
            reports.add(node.line, f"a second class is called {values['name']}", f"'{ALL}' is all of them")
        found.append(
            TrafficClass(
                name=values["name"],
                weight=values.get("weight", 1.0),
                deadline_s=values["deadline"],
                labels=values.get("label", ()),
                headers=values.get("headers", ()),
                payload=_payload(values.get("payload")),
            )
        )
    if found and not sum(each.weight for each in found) > 0:
        reports.add(entries[0][0].line, "no class has a weight above 0")
    return found


def _payload(read: tuple[str, Values, Pairs] | None) -> Payload:
    if read is None:
        return Payload()
    word, values, node = read
    names = {"bytes": "size_bytes"}
    return Payload(kind=word, line=node.line, **{names.get(key, key): value for key, value in values.items()})


def _thresholds(values: Values, reports: Reports) -> list[Threshold]:
    names, places = [ALL, *_names(values, "classes")], _names(values, "stages")
    found = []
    for key, threshold in values.get("thresholds", []):
        if key.text not in names:
            reports.add(key.line, f"no class is called {key.shown}", nearest(key.text, names))
        if threshold.stage and threshold.stage not in places:
            reports.add(
                threshold.line, f"no stage is called '{threshold.stage}'", nearest(threshold.stage, places)
            )
        found.append(threshold)
    return found


def _faults(entries: list[tuple[Pairs, Values]], allowed: tuple[str, ...], reports: Reports) -> list[Fault]:
    found = []
    for node, values in entries:
        if not FAULT.suffices(values):
            continue
        http = values.get("http", {})
        if ("run" in values) == ("http" in values):
            reports.add(node.line, "a fault is either run or http", "run: [command, ...] or http: {url: ...}")
        if http and not HTTP.suffices(http):
            continue
        virtual = _virtual(values.get("virtual"), node, reports)
        _target(http.get("url", ""), allowed, node.line_of("http"), reports)
        found.append(
            Fault(
                name=values["name"], at_s=values["at"], command=values.get("run", ()), line=node.line,
                virtual=virtual,
                **{key: http[key] for key in ("method", "url", "body", "file", "headers") if key in http},
            )
        )  # fmt: skip
    return found


def _virtual(values: Values | None, node: Pairs, reports: Reports) -> Virtual | None:
    if values is None or not VIRTUAL.suffices(values):
        return None
    line = node.line_of("virtual")
    if values["kind"] != "none" and "pool" not in values:
        reports.add(line, f"{values['kind']} of which pool?", "pool: APPLICATION")
    names = {"for": "for_s"}
    return Virtual(line=line, **{names.get(key, key): value for key, value in values.items()})


def _limits(values: Values) -> ReplayLimits:
    names = {
        "requests": "requests_max", "seconds": "seconds_max", "connections": "connections_max",
        "answer": "answer_s_max", "drain": "drain_s_max", "payloadBytes": "payload_bytes_max",
    }  # fmt: skip
    return ReplayLimits(**{names[key]: value for key, value in values.items()})


def _punctuality(values: Values) -> Punctuality:
    default = Punctuality()
    return Punctuality(
        lag_p50_ms_max=values["p50"] * 1e3 if "p50" in values else default.lag_p50_ms_max,
        lag_p99_ms_max=values["p99"] * 1e3 if "p99" in values else default.lag_p99_ms_max,
    )

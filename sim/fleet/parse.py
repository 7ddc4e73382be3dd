"""From the text of a fleet description to a `Fleet`, or to every problem with it, each with its line."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proxy.routing.document import Pairs, Scalar, compose
from proxy.routing.problems import Problems, Reports, nearest
from proxy.routing.table import Table
from sim.fleet.document import FLEET, LEVEL, POOL
from sim.fleet.errors import FleetRefused
from sim.fleet.fleet import Fleet, Level, Pool, ServiceTime
from sim.world.noise import Shape

BEGINS = "a fleet begins with 'version: 1'"
Values = dict[str, Any]
_FORMULA = ("base", "each", "knee", "slope", "spread", "sigma")
MS = 1e3


def load_fleet(path: Path) -> Fleet:
    """The fleet in a file. Raises FleetRefused with all of its problems."""
    try:
        text = path.read_bytes()
    except OSError as error:
        raise FleetRefused(f"{path}: {error.strerror or error}") from error
    fleet = parse_fleet(text, os.environ)
    if isinstance(fleet, Problems):
        raise FleetRefused("\n" + "\n".join(fleet.lines(str(path))))
    return fleet


def parse_fleet(text: bytes, environ: Mapping[str, str]) -> Fleet | Problems:
    """The fleet, `${NAME}` filled in."""
    reports = Reports()
    root = compose(text, environ, reports, BEGINS)
    if root is None:
        return reports.problems()
    values = FLEET.read(root, reports) or {}
    pools = [_pool(key, entry, reports) for key, entry in values.get("pools", [])]
    if reports.found:
        return reports.problems()
    names = {"edge": "edge_s"}
    plain = ("name", "says", "assumed", "currency", "hours", "proxies", "edge")
    return Fleet(
        pools=tuple(each for each in pools if each is not None),
        **{
            names.get(key, key): values[key] / MS if key == "edge" else values[key]
            for key in plain
            if key in values
        },
    )


def unmatched(fleet: Fleet, table: Table, *, later: bool = False) -> Problems | None:
    """What of a fleet and a table does not fit together; lines are the fleet's. None: all fits.

    An application needs a pool, unless all of its endpoints are those of another that has one; and a pool its
    application, unless the table comes `later`.
    """
    reports = Reports()
    known = table.applications
    for pool in fleet.pools:
        if pool.application not in known and not later:
            hint = nearest(pool.application, known)
            reports.add(pool.line, f"the table has no application {pool.application}", hint)
    there = {
        url for pool in fleet.pools if pool.application in known for url in known[pool.application].endpoints
    }
    for name, application in known.items():
        if not there.issuperset(application.endpoints):
            reports.add(1, f"application {name} of the table has no pool", "pools: {ID: {machines: ...}}")
    return reports.problems() if reports.found else None


def _pool(key: Scalar, values: Values | None, reports: Reports) -> Pool | None:
    if values is None or not POOL.suffices(values):
        return None
    service = _service(values["service"], key.line, reports)
    if service is None:
        return None
    found = {"network": "network_s", "worksOn": "works_on", "cost": "cost", "name": "name"}
    rest = {
        name: values[key] / MS if key == "network" else values[key]
        for key, name in found.items()
        if key in values
    }
    return Pool(
        application=key.text, machines=values["machines"], slots=values["slots"], service=service,
        line=key.line, **rest,
    )  # fmt: skip


def _service(values: Values, line: int, reports: Reports) -> ServiceTime | None:
    measured, formula = values.get("measured"), [key for key in _FORMULA if key in values]
    if measured is not None and formula:
        reports.add(line, f"a service time is measured, or has a {formula[0]}", "leave one of them out")
        return None
    if measured is not None:
        return _measured(measured, reports)
    if "base" not in values:
        reports.add(line, "a service time has neither base nor measured", "service: {base: 40}, in ms")
        return None
    return ServiceTime(
        base_s=values["base"] / MS,
        each_s=values.get("each", 0.0) / MS,
        knee=values.get("knee"),
        slope=values.get("slope", 0.0),
        spread=Shape(values.get("spread", Shape.CONSTANT.value)),
        sigma=values.get("sigma", 0.5),
    )


def _measured(entries: list[tuple[Pairs, Values]], reports: Reports) -> ServiceTime | None:
    levels: list[Level] = []
    for node, values in entries:
        if not LEVEL.suffices(values):
            return None
        level = Level(in_service=values["inService"], times_s=values["times"])
        if levels and level.in_service <= levels[-1].in_service:
            reports.add(node.line, "the levels do not ascend", "the lowest inService first")
        if levels and len(level.times_s) != len(levels[0].times_s):
            reports.add(
                node.line,
                f"{len(level.times_s)} times, and {len(levels[0].times_s)} before",
                "as many for each level",
            )
        levels.append(level)
    return ServiceTime(measured=tuple(levels))

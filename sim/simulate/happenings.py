"""What a plan's faults are in virtual time: an operator's drains, tables put, machines that fail. Pure.

A request to the proxy's admin side is what it is there; all else says itself what it does (`virtual`).
"""

import math
import re
import shlex
from itertools import pairwise
from urllib.parse import urlsplit

from proxy.routing.problems import Reports
from sim.replay.faults import Done
from sim.replay.plan import Fault, ReplayPlan, Virtual
from sim.simulate.ground import Ground, read_table
from sim.world.plan import DrainPlan, FaultKind, ReloadPlan
from sim.world.plan import Fault as WorldFault

_DRAIN = re.compile(r"/v1/applications/([^/]+)/(drain|undrain)")
TABLE = "/v1/table"
WELL, NONE = "well", "none"


def told_of(faults: tuple[Fault, ...]) -> list[Done]:
    """As a report has them: on time, and well."""
    return [
        Done(
            name=each.name, what=shlex.join(each.command) if each.command else f"{each.method} {each.url}",
            planned_s=each.at_s, began_s=each.at_s, took_s=0.0, well=True, said=_said(each.virtual),
        )
        for each in faults
    ]  # fmt: skip


def check(plan: ReplayPlan, ground: Ground, applications: set[str], reports: Reports) -> None:
    """Every fault must mean something in virtual time."""
    for fault in plan.faults:
        virtual, match = fault.virtual, _DRAIN.fullmatch(urlsplit(fault.url).path)
        if virtual is not None:
            known = {each.application for each in ground.fleet.pools}
            if virtual.pool and virtual.pool not in known:
                reports.add(virtual.line, f"the fleet has no pool {virtual.pool}", ", ".join(sorted(known)))
        elif match is not None:
            if match.group(1) not in applications:
                reports.add(fault.line, f"the table has no application {match.group(1)}")
        elif not (_puts_table(fault) or _reads_table(fault)):
            what = f"run {fault.command[0]}" if fault.command else f"{fault.method} {fault.url}"
            hint = "say what it does to the fleet: virtual: {kind: ..., pool: ...}, or {kind: none}"
            reports.add(fault.line, f"fault '{fault.name}': {what} means nothing in virtual time", hint)


def drains_of(faults: tuple[Fault, ...], ends_s: float) -> tuple[DrainPlan, ...]:
    """From each drain to the next undrain of the same application, or to the end."""
    since: dict[str, float] = {}
    found = []
    for fault in faults:
        match = None if fault.virtual else _DRAIN.fullmatch(urlsplit(fault.url).path)
        if match is None:
            continue
        application, what = match.groups()
        if what == "drain":
            since.setdefault(application, fault.at_s)
        elif application in since:
            found.append(
                DrainPlan(application=application, from_s=since.pop(application), until_s=fault.at_s)
            )
    found += [DrainPlan(application=name, from_s=at_s, until_s=ends_s) for name, at_s in since.items()]
    return tuple(found)


def tables_of(faults: tuple[Fault, ...], ground: Ground) -> list[tuple[float, str]]:
    """When which table is put, or the first one read again. Raises FleetRefused for one that is none."""
    found = []
    for fault in faults:
        if fault.virtual is None and _reads_table(fault):
            found.append((fault.at_s, ground.table))
        elif fault.virtual is None and _puts_table(fault):
            text = (ground.base / fault.file).read_text(encoding="utf-8") if fault.file else fault.body
            read_table(text, fault.file or fault.name)
            found.append((fault.at_s, text))
    return found


def reloads_of(tables: list[tuple[float, str]]) -> tuple[ReloadPlan, ...]:
    """As the world has them."""
    return tuple(ReloadPlan(at_s=at_s, table=text) for at_s, text in tables)


def faults_of(faults: tuple[Fault, ...], pool: str, ends_s: float) -> tuple[WorldFault, ...]:
    """What befalls the machines of a pool: each lasts until its own end, or the next one there."""
    mine = [(each.at_s, each.virtual) for each in faults if each.virtual and each.virtual.pool == pool]
    last = (ends_s, Virtual(kind=WELL))
    return tuple(
        WorldFault(
            kind=FaultKind(each.kind), from_s=at_s, until_s=min(at_s + (each.for_s or math.inf), next_s),
            share=each.share, factor=each.factor, status=each.status,
        )
        for (at_s, each), (next_s, _) in pairwise([*mine, last])
        if each.kind not in (WELL, NONE)
    )  # fmt: skip


def _puts_table(fault: Fault) -> bool:
    return fault.method == "PUT" and urlsplit(fault.url).path == TABLE


def _reads_table(fault: Fault) -> bool:
    return fault.method == "POST" and urlsplit(fault.url).path == f"{TABLE}/reload"


def _said(virtual: Virtual | None) -> str:
    if virtual is None:
        return "in virtual time"
    if virtual.kind == NONE:
        return "does nothing in virtual time"
    factor = f" {virtual.factor:g} times" if virtual.kind == FaultKind.SLOW.value else ""
    share = f", {virtual.share:.0%} of requests" if virtual.share < 1 else ""
    return f"in virtual time: pool {virtual.pool} {virtual.kind}{factor}{share}"

"""Random routing tables: a few applications, their limits and breakers, classes, and rows in tiers.

Kept as data (`Draft`), so that a reload can change a part of it; `text` writes it as a table's file.
"""

import json
import random
from typing import Any

import msgspec

LABELS = ("1", "2", "3", "4")
HEDGED = 0.5
"""So many tables hedge their first class."""

INVALID = ("", "version: 1", "version: 1\nroutes: [", "version: 2\napplications: {}\nroutes: []")
"""Texts that no proxy must take into service."""


class Draft(msgspec.Struct, kw_only=True):
    """A table before it is written. `endpoints` are fixed by the world: model servers do not move."""

    applications: dict[str, dict[str, Any]]
    classes: list[dict[str, Any]]
    routes: list[dict[str, Any]]

    def text(self) -> str:
        """As a table's file."""
        table = {"version": 1, "applications": self.applications, "routes": self.routes}
        if self.classes:
            table["classes"] = self.classes
        return json.dumps(table)


def draft(rng: random.Random) -> Draft:
    """A table of one to five applications."""
    applications = {}
    for number in range(1, rng.randint(1, 5) + 1):
        urls = [f"http://server-{number}-{place}:80" for place in range(rng.choice((1, 1, 1, 2, 3)))]
        applications[str(number)] = {"endpoints": urls, **limits(rng)}
    classes = [
        {"name": f"class-{label}", "label": [label], **_deadline(rng)}
        for label in LABELS[: rng.randint(0, 3)]
    ]
    if classes and rng.random() < HEDGED:
        classes[0]["hedge"] = True
    return Draft(applications=applications, classes=classes, routes=_routes(rng, sorted(applications)))


def hedge(table: Draft) -> None:
    """Make its first class one that is hedged: of the first label, with time, and room at two endpoints."""
    first = table.applications["1"]
    first.pop("rate", None)
    first.pop("burst", None)
    first["endpoints"] = [f"http://server-1-{place}:80" for place in range(2)]
    first["concurrency"] = 20
    table.classes[:1] = [{"name": "class-1", "label": ["1"], "deadline": 1000, "hedge": True}]
    row = {
        "application": "1",
        "timeout": 250,
        "weight": 10,
        "priority": 0,
        "clusterType": "http",
        "label": ["1"],
    }
    table.routes[:] = [each for each in table.routes if each["application"] != "1"] + [row]


def limits(rng: random.Random) -> dict[str, Any]:
    """What an application may be asked: often little, for limits that never bind show nothing."""
    stated: dict[str, Any] = {}
    if rng.random() < 0.8:
        stated["concurrency"] = rng.choice((1, 1, 2, 3, 5, 8, 20))
    if rng.random() < 0.4:
        stated["rate"] = rng.choice((5, 20, 50, 100, 333.3))
        if rng.random() < 0.5:
            stated["burst"] = rng.choice((1, 2, 5, 20))
    if rng.random() < 0.2:
        stated["health"] = {
            "path": "/v2/health/ready",
            "every": rng.choice((20, 100)),
            "timeout": rng.choice((10, 50)),
            "down": rng.randint(1, 3),
            "up": rng.randint(1, 2),
        }
    if rng.random() < 0.3:
        stated["breaker"] = {"consecutive": rng.randint(1, 4), "rest": 100, "restMax": 400, "calls": 4}
    return stated


def changed(rng: random.Random, before: Draft, whole: Draft) -> Draft:
    """A table that might follow: other limits, rows moved, an application gone or back again."""
    applications = {}
    for name, stated in whole.applications.items():
        if len(whole.applications) > 1 and rng.random() < 0.25:
            continue
        kept = before.applications.get(name, stated)
        applications[name] = kept if rng.random() < 0.6 else {"endpoints": stated["endpoints"], **limits(rng)}
    if not applications:
        applications = dict(before.applications)
    routes = before.routes if rng.random() < 0.5 else _routes(rng, sorted(applications))
    routes = [each for each in routes if each["application"] in applications]
    if not routes:
        routes = _routes(rng, sorted(applications))
    return Draft(applications=applications, classes=before.classes, routes=routes)


def _deadline(rng: random.Random) -> dict[str, int]:
    return {"deadline": rng.choice((30, 100, 300, 1000))} if rng.random() < 0.7 else {}


def _routes(rng: random.Random, applications: list[str]) -> list[dict[str, Any]]:
    """One to four rows for most labels; the same application may stand in several tiers."""
    routes = []
    for label in LABELS[: rng.randint(1, 4)]:
        for priority in range(rng.randint(1, 3)):
            names = rng.sample(applications, min(len(applications), rng.choice((1, 1, 2, 3))))
            routes += [_row(rng, name, priority, [label]) for name in names]
    if rng.random() < 0.2:
        routes.append(_row(rng, rng.choice(applications), rng.randint(0, 3), "*"))
    return routes


def _row(rng: random.Random, application: str, priority: int, label: Any) -> dict[str, Any]:
    return {
        "application": application,
        "timeout": rng.choice((10, 50, 100, 250)),
        "weight": rng.choice((0, 1, 1, 5, 10)),
        "priority": priority,
        "clusterType": rng.choice(("http", "http", "hsf")),
        "label": label,
    }

"""What a plan meets in virtual time: a routing table, a fleet, and which part of both is simulated. Pure.

The part: `proxies` share load and machines evenly, each with the whole table, and one of them is simulated.
Where that is still too much, one in `finer` of what it has: load, machines, and the table's limits.
"""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import yaml

from proxy.routing.document import builtins, compose
from proxy.routing.parse import parse_table
from proxy.routing.problems import Problems, Reports
from proxy.routing.table import Table
from sim.fleet.errors import FleetRefused
from sim.fleet.fleet import Fleet, Pool
from sim.fleet.parse import unmatched


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """`table`: its text. `base`: where the files of the plan's faults are.

    `sized`: machines by application, in place of the fleet's; limits of the table that are an application's
    own grow and shrink with them.
    """

    table: str
    fleet: Fleet
    base: Path = Path()
    sized: dict[str, float] = {}

    @property
    def pools(self) -> tuple[Pool, ...]:
        """With the machines that they have now."""
        return self.fleet.with_machines(self.sized).pools


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Of the whole, one in `sampled` is simulated: `finer` = sampled ÷ proxies."""

    sampled: int
    proxies: int

    @property
    def finer(self) -> float:
        """How much less than one proxy has."""
        return self.sampled / self.proxies


class Named(Mapping[str, str]):
    """The environment; a variable that is not set is an address of that name: nobody calls it here."""

    def __getitem__(self, name: str) -> str:
        return os.environ.get(name, f"http://{name.lower().replace('_', '-')}:80")

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


def read_table(text: str, name: str = "table") -> Table:
    """The table. Raises FleetRefused with all of its problems."""
    table = parse_table(text, Named())
    if isinstance(table, Problems):
        raise FleetRefused("\n" + "\n".join(table.lines(name)))
    return table


def fitting(ground: Ground, table: Table, *, later: bool = False) -> None:
    """Raises FleetRefused where table and fleet do not belong together.

    `later`: it comes into force in the night, and may know fewer applications than the fleet has.
    """
    problems = unmatched(ground.fleet, table, later=later)
    if problems is not None:
        raise FleetRefused("\n" + "\n".join(problems.lines(ground.fleet.name)))


def pool_of(ground: Ground, table: Table, application: str) -> Pool:
    """Its own, or that of the application whose endpoints it shares."""
    pools = {each.application: each for each in ground.pools}
    found = pools.get(application)
    if found is None:
        urls = set(table.applications[application].endpoints)
        found = next(
            pool for name, pool in pools.items() if urls.intersection(table.applications[name].endpoints)
        )
    return found


def endpoints_of(ground: Ground, table: Table, application: str, part: Part) -> tuple[str, ...]:
    """Those that are simulated: no more than there are machines."""
    pool, urls = pool_of(ground, table, application), table.applications[application].endpoints
    return urls[: max(1, math.floor(pool.machines / part.sampled + 1e-9))]


def thinned(ground: Ground, text: str, part: Part) -> str:
    """The table that the simulated part has: its endpoints, and its share of the limits."""
    table = read_table(text)
    root = compose(text.encode(), Named(), Reports())
    assert root is not None, "a table that was read before"
    document = builtins(root)
    assert isinstance(document, dict)
    usual = {each.application: each.machines for each in ground.fleet.pools}
    for name, entry in document["applications"].items():
        pool = pool_of(ground, table, name)
        share = pool.machines / usual[pool.application] / part.finer
        entry["endpoints"] = list(endpoints_of(ground, table, name, part))
        for key in ("concurrency", "burst"):
            if key in entry:
                entry[key] = max(1, round(entry[key] * share))
        if "rate" in entry:
            entry["rate"] = entry["rate"] * share
    if part.finer != 1.0:
        budget = document.setdefault("fallThrough", {})
        budget["perSecond"] = table.fall_through.per_second / part.finer
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)

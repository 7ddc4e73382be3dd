"""A fleet as the text of its description, which `parse.py` reads back to the same."""

from typing import Any

import yaml

from sim.fleet.document import VERSION
from sim.fleet.fleet import Fleet, Pool, ServiceTime
from sim.world.noise import Shape

MS, DIGITS = 1e3, 6


def written(fleet: Fleet) -> str:
    """The YAML; what is as by default is left out."""
    found: dict[str, Any] = {"version": VERSION, "name": fleet.name}
    found |= {
        key: getattr(fleet, key) for key in ("says", "assumed", "currency", "hours") if getattr(fleet, key)
    }
    if fleet.edge_s:
        found["edge"] = _ms(fleet.edge_s)
    if fleet.proxies != 1:
        found["proxies"] = fleet.proxies
    found["pools"] = {each.application: _pool(each) for each in fleet.pools}
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)


def _pool(pool: Pool) -> dict[str, Any]:
    found: dict[str, Any] = {"name": pool.name} if pool.name else {}
    found |= {
        "machines": pool.machines, "slots": pool.slots, "network": _ms(pool.network_s),
    }  # fmt: skip
    if pool.cost:
        found["cost"] = pool.cost
    if pool.works_on:
        found["worksOn"] = True
    return {**found, "service": _service(pool.service)}


def _service(service: ServiceTime) -> dict[str, Any]:
    if service.measured:
        levels = (
            {"inService": each.in_service, "times": list(map(_ms, each.times_s))} for each in service.measured
        )
        return {"measured": list(levels)}
    found: dict[str, Any] = {"base": _ms(service.base_s)}
    if service.each_s:
        found["each"] = _ms(service.each_s)
    if service.knee is not None:
        found |= {"knee": service.knee, "slope": service.slope}
    if service.spread is not Shape.CONSTANT:
        found["spread"] = service.spread.value
    if service.spread is Shape.LOGNORMAL:
        found["sigma"] = service.sigma
    return found


def _ms(span_s: float) -> float:
    return round(span_s * MS, DIGITS)

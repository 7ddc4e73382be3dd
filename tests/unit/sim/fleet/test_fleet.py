"""Fleet descriptions: read with all problems at once, written back, and set against a table."""

import json
from importlib.resources import files
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml

from proxy.routing.parse import parse_table
from proxy.routing.problems import Problems
from proxy.routing.table import Table
from sim.fleet.document import render
from sim.fleet.fleet import Fleet, Level, Pool, ServiceTime
from sim.fleet.parse import parse_fleet, unmatched
from sim.fleet.writing import written
from sim.replay.profiles import folder
from sim.world.noise import Shape

GOOD = """\
version: 1
name: night
assumed: the prices
currency: CNY
hours: 2
edge: 0.8
proxies: 4
pools:
  1: {name: gpu, machines: 180, slots: 8, network: 0.4, cost: 12,
      service: {base: 30, each: 1.2, knee: 8, slope: 0.5, spread: lognormal, sigma: 0.3}}
  2: {machines: 60, slots: 4, worksOn: true,
      service: {measured: [{inService: 1, times: [10, 12]}, {inService: 4, times: [20, 40]}]}}
"""
TABLE = """\
version: 1
applications:
  1: {endpoints: ["http://a:1"]}
  2: {endpoints: ["http://b:1"]}
  3: {endpoints: ["http://b:1"]}
routes:
  - {application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: "*"}
"""


def fleet_of(text: str = GOOD) -> Fleet:
    fleet = parse_fleet(text.encode(), {})
    assert isinstance(fleet, Fleet), fleet
    return fleet


def problems_of(text: str) -> list[str]:
    problems = parse_fleet(text.encode(), {})
    assert isinstance(problems, Problems)
    return list(problems.lines("fleet.yaml"))


def table_of(text: str = TABLE) -> Table:
    table = parse_table(text, {})
    assert isinstance(table, Table)
    return table


def test_times_are_read_in_milliseconds_and_the_rest_as_it_stands() -> None:
    """As in tables and plans; what is not stated is as by default."""
    fleet = fleet_of()
    gpu, cpu = fleet.pools
    assert (fleet.edge_s, fleet.hours, fleet.proxies, fleet.currency) == (0.0008, 2, 4, "CNY")
    assert (gpu.network_s, gpu.cost, gpu.title, gpu.works_on) == (0.0004, 12, "gpu", False)
    assert gpu.service == ServiceTime(
        base_s=0.03, each_s=0.0012, knee=8, slope=0.5, spread=Shape.LOGNORMAL, sigma=0.3
    )
    assert cpu.service.measured[1] == Level(in_service=4, times_s=(0.02, 0.04))
    assert (cpu.title, cpu.works_on, cpu.network_s) == ("pool 2", True, 0.0004)


def test_all_problems_are_told_at_once_with_their_lines() -> None:
    """Who fixes one at a time has a long night."""
    text = """\
version: 1
name: night
pools:
  1: {machines: -3, slots: 8, service: {measured: [{inService: 1, times: [3, 2]}]}}
  2: {machines: 3, slotts: 8, service: {base: 1, slope: 1}}
"""
    found = problems_of(text)
    assert [each.split(":")[1] for each in found] == ["4", "4", "5", "5", "5"]
    assert "did you mean 'slots'?" in found[2]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("{each: 1}", "neither base nor measured"),
        ("{base: 1, measured: [{inService: 1, times: [3]}]}", "is measured, or has a base"),
        ("{measured: [{inService: 2, times: [3]}, {inService: 1, times: [3]}]}", "levels do not ascend"),
        ("{measured: [{inService: 1, times: [3]}, {inService: 2, times: [3, 4]}]}", "2 times, and 1 before"),
    ],
)
def test_a_service_time_is_one_thing(service: str, said: str) -> None:
    """A formula, or levels that can be interpolated between."""
    text = f"version: 1\nname: n\npools:\n  1: {{machines: 1, slots: 1, service: {service}}}\n"
    assert said in " ".join(problems_of(text))


def test_a_fleet_that_is_written_reads_back_as_the_same() -> None:
    """A recording's times become a description that people change by hand."""
    fleet = fleet_of()
    again = fleet_of(written(fleet))
    without_lines = [msgspec.structs.replace(each, line=0) for each in fleet.pools]
    assert [msgspec.structs.replace(each, line=0) for each in again.pools] == without_lines
    assert msgspec.structs.replace(again, pools=()) == msgspec.structs.replace(fleet, pools=())


def test_measured_times_are_interpolated_between_levels_and_held_beyond() -> None:
    """What was not measured is not made up."""
    service = fleet_of().pools[1].service
    found = [service.mean_s(in_service) for in_service in (0.5, 1, 2.5, 4, 9)]
    assert found == pytest.approx([0.011, 0.011, 0.0205, 0.03, 0.03])


def test_a_full_machine_works_past_its_knee() -> None:
    """Its rate at most is that of all slots taken, not of one."""
    service = ServiceTime(base_s=0.01, each_s=0.001, knee=5, slope=0.1)
    pool = Pool(application="1", machines=2, slots=10, service=service)
    assert pool.full_rate == pytest.approx(2 * 10 / (0.02 * 1.5))


def test_every_application_has_machines_and_every_pool_its_application() -> None:
    """An application that shares the endpoints of another one shares its machines."""
    fleet = fleet_of()
    assert unmatched(fleet, table_of()) is None
    alone = table_of(TABLE.replace('3: {endpoints: ["http://b:1"]}', '3: {endpoints: ["http://c:1"]}'))
    said = unmatched(fleet, alone)
    assert said is not None
    assert "application 3 of the table has no pool" in next(iter(said.lines("f")))
    fewer = table_of(
        TABLE.replace('  2: {endpoints: ["http://b:1"]}\n', "").replace("http://b:1", "http://a:1")
    )
    said = unmatched(fleet, fewer)
    assert said is not None
    assert "the table has no application 2" in next(iter(said.lines("f")))
    assert unmatched(fleet, fewer, later=True) is None


def test_the_schema_that_is_shipped_is_the_parsers() -> None:
    """`python -m sim.fleet.document > sim/profiles/fleet.schema.json` writes it anew."""
    assert files("sim.profiles").joinpath("fleet.schema.json").read_text() == render()


def test_the_schema_takes_the_fleets_that_are_shipped_and_refuses_an_unknown_key() -> None:
    """Editors show with it what the parser would say."""
    schema = json.loads(render())
    shipped = sorted(folder().glob("assumed/fleet*.yaml"))
    assert shipped
    for path in shipped:
        described: dict[str, Any] = yaml.safe_load(path.read_text())
        described["pools"] = {str(key): value for key, value in described["pools"].items()}
        jsonschema.validate(described, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**described, "poools": 1}, schema)

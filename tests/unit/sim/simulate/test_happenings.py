"""A plan's faults in virtual time: what they are, and which have no meaning there."""

from pathlib import Path

import msgspec
import pytest

from sim.fleet.errors import FleetRefused
from sim.replay.plan import ReplayPlan
from sim.simulate.ground import Part
from sim.simulate.happenings import drains_of, faults_of, told_of
from sim.simulate.worlds import world_of
from sim.world.plan import FaultKind
from tests.unit.sim.simulate.nights import TABLE, ground_of, plan_of

ADMIN = "http://127.0.0.1:9090/v1"
WHOLE = Part(sampled=1, proxies=1)


def with_faults(*faults: str) -> ReplayPlan:
    return plan_of("faults:\n" + "".join(f"  - {{{each}}}\n" for each in faults))


def drain(at_s: float, application: str, what: str = "drain") -> str:
    return f'name: {what}, at: {at_s}, http: {{url: "{ADMIN}/applications/{application}/{what}"}}'


def test_an_operators_drain_lasts_until_it_is_undone_or_to_the_end() -> None:
    """A second drain changes nothing, and an undrain of what serves neither."""
    plan = with_faults(
        drain(1, "cpu", "undrain"),
        drain(2, "gpu"),
        drain(3, "gpu"),
        drain(4, "gpu", "undrain"),
        drain(5, "cpu"),
    )
    found = [(each.application, each.from_s, each.until_s) for each in drains_of(plan.faults, 9.0)]
    assert found == [("gpu", 2, 4), ("cpu", 5, 9.0)]


def test_machines_fail_until_they_are_well_or_the_next_fault_or_its_own_end() -> None:
    """Two at once on one pool would be neither."""
    plan = with_faults(
        "name: a, at: 1, run: [x], virtual: {kind: slow, pool: gpu, factor: 4}",
        "name: b, at: 2, run: [x], virtual: {kind: refusing, pool: gpu, share: 0.5, for: 0.5}",
        "name: c, at: 4, run: [x], virtual: {kind: well, pool: gpu}",
        "name: d, at: 5, run: [x], virtual: {kind: failing, pool: gpu, status: 502}",
        "name: e, at: 5, run: [x], virtual: {kind: slow, pool: cpu}",
    )
    found = faults_of(plan.faults, "gpu", 9.0)
    assert [(each.kind, each.from_s, each.until_s) for each in found] == [
        (FaultKind.SLOW, 1, 2), (FaultKind.REFUSING, 2, 2.5), (FaultKind.FAILING, 5, 9.0),
    ]  # fmt: skip
    assert (found[0].factor, found[1].share, found[2].status) == (4, 0.5, 502)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("name: kill, at: 1, run: [pkill, gpu]", "fault 'kill': run pkill means nothing in virtual time"),
        (f'name: back, at: 1, http: {{url: "{ADMIN}/table/rollback"}}', "means nothing in virtual time"),
        (drain(1, "tpu"), "the table has no application tpu"),
        ("name: kill, at: 1, run: [x], virtual: {kind: slow, pool: tpu}", "the fleet has no pool tpu"),
    ],
)
def test_a_fault_without_a_counterpart_is_a_problem_and_never_ignored(fault: str, said: str) -> None:
    """A rehearsal that leaves the accident out would be believed."""
    with pytest.raises(FleetRefused, match="small:") as refused:
        world_of(with_faults(fault), ground_of(), WHOLE, 8.0)
    assert said in str(refused.value)


def test_a_fault_can_say_that_it_does_nothing_there() -> None:
    """A look at a log is no accident."""
    plan = with_faults("name: look, at: 1, run: [tail, log], virtual: {kind: none}")
    world_of(plan, ground_of(), WHOLE, 8.0)
    assert [each.said for each in told_of(plan.faults)] == ["does nothing in virtual time"]


def test_a_table_that_is_put_is_read_and_thinned_like_the_first(tmp_path: Path) -> None:
    """It comes into force in the simulated part."""
    (tmp_path / "new.yaml").write_text(TABLE.replace("concurrency: 8", "concurrency: 40"))
    put = f'name: reload, at: 3, http: {{method: PUT, url: "{ADMIN}/table", file: new.yaml}}'
    ground = msgspec.structs.replace(ground_of(), base=tmp_path)
    world = world_of(with_faults(put), ground, Part(sampled=10, proxies=1), 8.0)
    assert [each.at_s for each in world.reloads] == [3]
    assert "concurrency: 4\n" in world.reloads[0].table
    (tmp_path / "new.yaml").write_text("version: 2\n")
    with pytest.raises(FleetRefused, match=r"new.yaml:1"):
        world_of(with_faults(put), ground, WHOLE, 8.0)


def test_a_table_that_is_read_again_is_the_first_one() -> None:
    """As the file of a live proxy is, unless a command has changed it."""
    again = f'name: again, at: 3, http: {{url: "{ADMIN}/table/reload"}}'
    world = world_of(with_faults(again), ground_of(), WHOLE, 8.0)
    assert [(each.at_s, each.table) for each in world.reloads] == [(3, world.table)]


def test_which_pool_a_virtual_fault_befalls_must_be_said() -> None:
    """With its line, when the plan is read."""
    with pytest.raises(AssertionError, match="slow of which pool"):
        with_faults("name: a, at: 1, run: [x], virtual: {kind: slow}")

"""Which part of a table and a fleet is simulated: their shares, and what does not fit together."""

import msgspec
import pytest
import yaml

from sim.fleet.errors import FleetRefused
from sim.simulate.ground import Ground, Part, fitting, read_table, thinned
from sim.simulate.worlds import rounded, world_of
from tests.unit.sim.simulate.nights import CPU, GPU, TABLE, ground_of, plan_of

WIDE = TABLE.replace("concurrency: 8", "concurrency: 800, rate: 1000, burst: 10").replace(
    '["http://gpu:1"]', '["http://gpu:1", "http://gpu:2", "http://gpu:3"]'
)
LARGE = msgspec.structs.replace(GPU, machines=200)


def limits(ground: Ground, part: Part, table: str = WIDE) -> dict[str, object]:
    document = yaml.safe_load(thinned(ground, table, part))
    return {**document["applications"]["gpu"], "perSecond": document.get("fallThrough", {}).get("perSecond")}


def test_one_of_several_proxies_has_the_whole_table() -> None:
    """A table states what one proxy may do; several have it several times."""
    ground = ground_of(WIDE, LARGE, proxies=10)
    found = limits(ground, Part(sampled=10, proxies=10))
    assert (found["concurrency"], found["rate"], found["burst"], found["perSecond"]) == (800, 1000, 10, None)


@pytest.mark.parametrize(("sampled", "proxies", "share"), [(10, 1, 10), (40, 10, 4), (1, 4, 0.25)])
def test_the_tables_limits_are_thinned_beyond_the_proxies(sampled: int, proxies: int, share: float) -> None:
    """Load, machines and limits shrink by one factor, or queues would differ by it."""
    ground = ground_of(WIDE, LARGE, proxies=proxies)
    found = limits(ground, Part(sampled=sampled, proxies=proxies))
    assert found["concurrency"] == round(800 / share)
    assert found["rate"] == 1000 / share
    assert found["burst"] == max(1, round(10 / share))
    assert found["perSecond"] == 10 / share


def test_an_applications_limits_grow_with_its_machines() -> None:
    """Machines that the table does not let work would be of no use."""
    ground = msgspec.structs.replace(ground_of(WIDE, LARGE), sized={"gpu": 300.0})
    found = limits(ground, Part(sampled=1, proxies=1))
    assert (found["concurrency"], found["rate"]) == (1200, 1500)


def test_load_machines_and_slots_are_thinned_alike() -> None:
    """200 machines of 4 slots, one in 20 of them, on three endpoints."""
    ground = ground_of(WIDE, LARGE)
    part = Part(sampled=20, proxies=1)
    plan = world_of(plan_of(), ground, part, 8.0)
    servers = [each for each in plan.servers if each.application == "gpu"]
    assert [each.slots for each in servers] == [13, 13, 13]
    assert sum(each.service.machines for each in servers) == pytest.approx(10.0)
    assert rounded(plan, ground, part) == [
        "pool gpu has 39 slots in the simulated part, by its share 40.0",
        "pool cpu has 1 slots in the simulated part, by its share 0.2",
    ]


def test_there_are_no_more_endpoints_than_machines() -> None:
    """An endpoint with a fraction of a machine serves nobody as a machine would."""
    ground = ground_of(WIDE, LARGE)
    plan = world_of(plan_of(), ground, Part(sampled=100, proxies=1), 8.0)
    assert [each.url for each in plan.servers] == ["http://gpu:1", "http://gpu:2", "http://cpu:1"]
    assert "http://gpu:3" not in plan.table


def test_a_variable_that_is_not_set_is_an_address_of_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with `${GPU_POOL}` can be simulated where the pool's address is not known."""
    monkeypatch.delenv("GPU_POOL", raising=False)
    table = read_table(TABLE.replace("http://gpu:1", "${GPU_POOL}"))
    assert table.applications["gpu"].endpoints == ("http://gpu-pool:80",)


def test_what_does_not_fit_is_refused_with_all_of_its_problems() -> None:
    """Before anything is simulated."""
    with pytest.raises(FleetRefused, match="no application tpu"):
        fitting(ground_of(gpu=msgspec.structs.replace(GPU, application="tpu")), read_table(TABLE))
    with pytest.raises(FleetRefused, match="table:3"):
        read_table("version: 1\nroutes: []\nnonsense: 1\n")


def test_an_application_that_shares_endpoints_shares_machines() -> None:
    """Its server is the other's, and its limits are of the same machines."""
    table = TABLE.replace('cpu: {endpoints: ["http://cpu:1"]', 'cpu: {endpoints: ["http://gpu:1"]')
    ground = Ground(table=table, fleet=msgspec.structs.replace(ground_of().fleet, pools=(GPU,)))
    plan = world_of(plan_of(), ground, Part(sampled=1, proxies=1), 8.0)
    assert [(each.url, each.slots) for each in plan.servers] == [("http://gpu:1", 8)]
    assert CPU.application in yaml.safe_load(plan.table)["applications"]

"""A live scenario, played small: a real proxy, a stub, faults and reloads by the clock."""

from pathlib import Path

import msgspec
import pytest

from sim.load.arrivals import Constant
from sim.load.scenarios.__main__ import main
from sim.load.scenarios.catalog import (
    CPU,
    CPU_SLOTS,
    GPU,
    KILL,
    KILL_BACK_S_MAX,
    KILL_SLOTS,
    ONE_POOL,
    ONE_POOL_OTHERWISE,
    SERVICE_S,
    TWO_POOLS,
    mix,
)
from sim.load.scenarios.measures import measures_of
from sim.load.scenarios.scenario import Fault, Kills, PassLine, Reloads, Scenario, Watched
from sim.load.scenarios.stage import Stage
from sim.stubs.behaviours import Refuse


async def test_faults_and_reloads_happen_while_the_load_runs() -> None:
    """The gpu pool dies after half a second: its breaker rejects, the cpu pool serves; tables are taken."""
    scenario = Scenario(
        name="small",
        about="",
        pools=(GPU, CPU),
        table=TWO_POOLS,
        arrivals=Constant(rate=40, seconds=3),
        classes=mix(1, 1, 1),
        capacity=40,
        faults=(Fault(at_s=0.5, pool="gpu", behaviour=Refuse()),),
        reloads=Reloads(every_s=0.2, other=TWO_POOLS.replace("weight: 10", "weight: 20")),
        watched=Watched(application="1", since_s=0.5),
        lines=(),
    )
    said: list[str] = []
    seen = await Stage(scenario, 1, said.append).play()
    measures = measures_of(scenario, seen)
    assert sum(each.arrivals for each in seen.result.classes.values()) == 120
    assert measures["failed"] == 0
    assert measures["calls.gpu"] > 0
    assert measures["calls.cpu"] > 0
    assert measures["breaker_s"] < 2.5
    assert measures["inflight_peak.cpu"] <= CPU_SLOTS
    assert measures["reloads.accepted"] >= 1
    assert measures["reloads.refused"] >= 1


async def test_a_compared_scenario_plays_the_same_load_without_the_proxy_too() -> None:
    """Every class of the one has as many arrivals in the other."""
    scenario = Scenario(
        name="small",
        about="",
        pools=(GPU,),
        table=ONE_POOL_OTHERWISE,
        arrivals=Constant(rate=40, seconds=0.5),
        classes=mix(1, 1, 1),
        capacity=40,
        compared=True,
        callers=2,
        lines=(),
    )
    seen = await Stage(scenario, 1, lambda _: None).play()
    assert seen.capacity is not None
    assert 0 < seen.capacity <= 2 / SERVICE_S
    assert seen.direct is not None
    assert {name: each.arrivals for name, each in seen.direct.classes.items()} == {
        name: each.arrivals for name, each in seen.result.classes.items()
    }
    assert msgspec.json.encode(seen)


KILLED = msgspec.structs.replace(KILL, arrivals=Constant(rate=60, seconds=5), kills=Kills(every_s=1.2))


async def test_processes_that_are_killed_exceed_no_limit_and_lose_no_acknowledged_ticket() -> None:
    """The scenario `kill`, short: counted at the backend, which works on for the dead, and by the page."""
    seen = await Stage(KILLED, 1, lambda _: None).play()
    measures = measures_of(KILLED, seen)
    assert measures["kills.done"] >= 4
    peaks = ("inflight_peak.gpu", "work_peak.gpu", "kills.held_peak")
    assert [measures[peak] for peak in peaks] == [KILL_SLOTS] * 3
    assert measures["kills.departed_peak"] >= 1
    assert measures["kills.back_s"] <= KILL_BACK_S_MAX
    assert measures["tickets.promised"] > 0
    assert (measures["tickets.lost"], measures["tickets.wrong"], measures["tickets.left"]) == (0, 0, 0)


SMALL = Scenario(
    name="small",
    about="a few",
    pools=(GPU,),
    table=ONE_POOL,
    arrivals=Constant(rate=20, seconds=0.5),
    classes=mix(1, 1, 1),
    capacity=20,
    lines=(PassLine(measure="failed", says="nothing lost", most=0),),
)


@pytest.mark.parametrize(("most", "status"), [(0, 0), (-1, 99)])
def test_the_command_plays_every_seed_and_its_status_says_whether_all_lines_were_met(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, most: float, status: int
) -> None:
    """0, or 99; 98 where the machine was too busy for a schedule."""
    line = msgspec.structs.replace(SMALL.lines[0], most=most)
    small = msgspec.structs.replace(SMALL, lines=(line,))
    monkeypatch.setattr("sim.load.scenarios.__main__.SCENARIOS", (small,))
    file = tmp_path / "told.json"
    ended = main(["--seeds", "2", "--json", str(file)])
    told = msgspec.json.decode(file.read_bytes())
    assert ended == (98 if any(each["invalid"] for each in told) else status)
    assert [each["seed"] for each in told] == [1, 2]


def test_a_scenario_whose_proxy_does_not_start_ends_with_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table with a slip of the pen."""
    broken = msgspec.structs.replace(SMALL, table="version: 1\n")
    monkeypatch.setattr("sim.load.scenarios.__main__.SCENARIOS", (broken,))
    assert main([]) == 1
    said = capsys.readouterr().out
    assert "a table has no applications" in said
    assert "small could not be played" in said


def test_a_live_run_is_shown_beside_the_same_in_virtual_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many of each class, and each figure with its error; who is not compared is left out."""
    twin = msgspec.structs.replace(SMALL, simulated_load=0.1)
    other = msgspec.structs.replace(SMALL, name="alone")
    monkeypatch.setattr("sim.load.scenarios.__main__.SCENARIOS", (twin, other))
    monkeypatch.setattr("sim.load.scenarios.stage.CALIBRATION", Constant(rate=20, seconds=0.5))
    file = tmp_path / "told.json"
    ended = main(["--beside-simulation", "--json", str(file)])
    (told,) = msgspec.json.decode(file.read_bytes())
    rows = told["rows"]
    missed = any(row["within"] is False for row in rows)
    assert ended == (98 if told["invalid"] else 99 if missed else 0)
    assert [row["class_name"] for row in rows[::3]] == ["A", "B", "C", "all"]
    assert next(row["simulated"] for row in rows[9:] if row["figure"] == "throughput") == 20.0
    assert told["hops"]["server_s"] > 0
    assert "hops, measured at low load" in capsys.readouterr().out

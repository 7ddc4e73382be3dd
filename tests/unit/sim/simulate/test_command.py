"""`penstock simulate`: what it takes, what it says first, and how it ends."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from sim.fleet.errors import FleetRefused
from sim.fleet.writing import written
from sim.replay.files import read_outcome
from sim.replay.profiles import names
from sim.simulate.cli import simulate
from tests.unit.sim.simulate.nights import GPU, PLAN, TABLE, ground_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "plan.yaml").write_text(PLAN + "simulate: {table: table.yaml, fleet: fleet.yaml, scale: 2}\n")
    (tmp_path / "bare.yaml").write_text(PLAN)
    (tmp_path / "table.yaml").write_text(TABLE)
    (tmp_path / "fleet.yaml").write_text(written(ground_of().fleet))
    return tmp_path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(simulate, [str(each) for each in arguments], catch_exceptions=True)


@pytest.mark.parametrize("profile", names())
def test_a_profile_says_itself_what_it_meets(profile: str) -> None:
    """At public scale, without a proxy or a machine."""
    result = run(profile, "--check", "--requests-max", 5_000)
    assert result.exit_code == 0, result.output
    assert "one in" in result.output


def test_a_plan_may_name_its_table_fleet_and_scale(folder: Path) -> None:
    """Files from the plan's folder; what is said on the command line goes before it."""
    result = run(folder / "plan.yaml", "--out", folder / "out")
    outcome = read_outcome(folder / "out")
    assert result.exit_code == outcome.exit_code
    assert outcome.scale == 2
    assert outcome.classes["all"].figures.arrivals == 1520
    assert "1,520 requests in 8 s" in result.output
    run(folder / "plan.yaml", "--scale", "1", "--out", folder / "out", "--no-requests")
    assert read_outcome(folder / "out").classes["all"].figures.arrivals == 760


def test_a_pool_that_is_not_there_is_told_before_anything_runs(folder: Path) -> None:
    """With those that there are; a check of the words finds it too."""
    result = run(folder / "plan.yaml", "--find", "tpu", "--check")
    assert isinstance(result.exception, FleetRefused)
    assert "no pool tpu to find the size of; there are " in str(result.exception)
    assert run(folder / "plan.yaml", "--find", "gpu", "--check").exit_code == 0


def test_a_plan_that_names_none_asks_for_them(folder: Path) -> None:
    """Which table, which fleet: both must be known."""
    result = run(folder / "bare.yaml", "--table", folder / "table.yaml")
    assert isinstance(result.exception, FleetRefused)
    assert "--fleet FILE" in str(result.exception)
    assert result.exception.exit_code == 2
    both = run(
        folder / "bare.yaml", "--table", folder / "table.yaml", "--fleet", folder / "fleet.yaml", "--check"
    )
    assert both.exit_code == 0


def test_the_answer_stands_first(folder: Path) -> None:
    """How many machines; then the verdict of the night with so many."""
    plan = folder / "plan.yaml"
    plan.write_text(plan.read_text().replace("urgent: [goodput", "all: [goodput"))
    result = run(plan, "--machines", "gpu=1", "--find", "gpu", "--out", folder / "out", "--no-requests")
    lines = [each for each in result.output.splitlines() if each]
    answer = next(number for number, line in enumerate(lines) if line.startswith("pool gpu: "))
    verdict = next(number for number, line in enumerate(lines) if line.startswith("MET"))
    assert answer < verdict
    assert "machines are enough, now 1 miss all: goodput" in lines[answer]
    outcome = read_outcome(folder / "out")
    assert outcome.simulated is not None
    assert outcome.simulated.sizing[0].found == outcome.simulated.pools[0].machines
    assert not (folder / "out" / "requests.jsonl").exists()


def test_beside_a_live_report_the_errors_are_printed(folder: Path) -> None:
    """Here beside another simulation made live by leaving out that it was one."""
    run(folder / "plan.yaml", "--out", folder / "live", "--no-requests")
    path = folder / "live" / "result.json"
    path.write_text(path.read_text().replace('"simulated": {', '"unused": {'))
    result = run(folder / "plan.yaml", "--out", folder / "out", "--beside", folder / "live", "--no-requests")
    assert "+0.0%" in result.output


@pytest.mark.parametrize("given", ["gpu", "gpu=", "gpu=x", "gpu=0", "gpu=inf", "tpu=3"])
def test_machines_are_a_pool_and_a_number(folder: Path, given: str) -> None:
    """Said so, before anything is simulated."""
    result = run(folder / "plan.yaml", "--machines", given)
    assert (result.exit_code, "is not POOL=N" in result.output) == (2, True)


def test_a_pool_may_be_told_by_its_name(folder: Path) -> None:
    """Or who types it would have changed nothing."""
    named = msgspec.structs.replace(GPU, name="fast")
    (folder / "fleet.yaml").write_text(written(ground_of(gpu=named).fleet))
    run(folder / "plan.yaml", "--machines", "fast=3", "--out", folder / "out", "--no-requests")
    told = read_outcome(folder / "out").simulated
    assert told is not None
    assert [(each.name, each.machines) for each in told.pools] == [("fast", 3), ("pool cpu", 1)]


def test_a_table_that_cannot_be_read_is_refused(folder: Path) -> None:
    """With its name and the reason."""
    result = run(folder / "plan.yaml", "--table", folder / "none.yaml")
    assert "none.yaml: No such file" in str(result.exception)
    assert "no pool tpu" in str(run(folder / "plan.yaml", "--find", "tpu").exception)

"""`penstock simulate` as users run it: with their own table and fleet, and as the manual shows them."""

import re
from pathlib import Path

from sim.fleet.fleet import Fleet
from sim.fleet.parse import parse_fleet
from sim.fleet.writing import written
from sim.replay.files import read_outcome
from sim.replay.profiles import folder
from tests.integration.load.test_replay import penstock
from tests.unit.sim.simulate.nights import PLAN, TABLE, ground_of

MANUAL = (folder() / "README.md").read_text(encoding="utf-8")


async def test_a_night_is_simulated_by_the_command(tmp_path: Path) -> None:
    """Found by its name, judged by exit code, with the page and the figures in its folder."""
    (tmp_path / "plan.yaml").write_text(PLAN.replace("urgent: [goodput", "all: [goodput"))
    (tmp_path / "table.yaml").write_text(TABLE)
    (tmp_path / "fleet.yaml").write_text(written(ground_of().fleet))
    files = ("--table", "table.yaml", "--fleet", "fleet.yaml")
    status, said = await penstock("simulate", "plan.yaml", *files, "--machines", "gpu=0.25", folder=tmp_path)
    outcome = read_outcome(tmp_path / ".run" / "simulate" / "small")
    assert (status, outcome.verdict) == (99, "MISSED")
    assert "Not enough: pool gpu 0.25, pool cpu 1 machines" in said
    assert "simulated" in (tmp_path / ".run" / "simulate" / "small" / "report.html").read_text()


async def test_all_that_does_not_fit_is_told_with_exit_2(tmp_path: Path) -> None:
    """Lines of the fleet's problems, and nothing is simulated."""
    (tmp_path / "plan.yaml").write_text(PLAN)
    (tmp_path / "table.yaml").write_text(TABLE)
    (tmp_path / "fleet.yaml").write_text("version: 1\nname: n\npools:\n  1: {machines: 0, slots: 1}\n")
    files = ("--table", "table.yaml", "--fleet", "fleet.yaml")
    status, said = await penstock("simulate", "plan.yaml", *files, folder=tmp_path)
    assert status == 2
    assert "fleet.yaml:4: machines: 0 is too small" in said
    assert "fleet.yaml:4: a pool has no service" in said


def test_the_fleet_that_the_manual_shows_is_one() -> None:
    """What is copied from it must be read."""
    (text,) = re.findall(r"```yaml\n(version: 1\nname: november.*?)```", MANUAL, re.DOTALL)
    fleet = parse_fleet(text.encode(), {})
    assert isinstance(fleet, Fleet), fleet
    assert [each.title for each in fleet.pools] == ["gpu", "pool 2"]

"""The named scenarios: that each can pass and can fail, and what is printed of it. They are run by hand."""

import msgspec
import pytest

import sim.world.__main__ as command
from sim.world.baselines import BASELINES, no_permits, under
from sim.world.plan import WorldPlan
from sim.world.scenario import Run, at_least, at_most
from sim.world.scenarios import SCENARIOS
from sim.world.showing import Showing, show


def brief(plan: WorldPlan, until_s: float) -> WorldPlan:
    """The same without what begins later."""
    streams = []
    queue = msgspec.structs.replace(plan.queue, waiting=min(plan.queue.waiting, 100))
    for stream in plan.streams:
        phases = [
            msgspec.structs.replace(each, until_s=min(each.until_s, until_s))
            for each in stream.phases
            if each.from_s < until_s
        ]
        streams.append(msgspec.structs.replace(stream, phases=tuple(phases)))
    return msgspec.structs.replace(plan, streams=tuple(streams), queue=queue)


def test_every_scenario_has_a_name_of_its_own() -> None:
    """`--only` asks for one."""
    names = [each.name for each in SCENARIOS]
    assert len(set(names)) == len(names) >= 13


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
def test_a_scenario_is_judged_by_lines_of_its_run(scenario: object) -> None:
    """One second of it; the lines are then not what counts, but that they are there."""
    (found,) = [each for each in SCENARIOS if each is scenario]
    run = Run(brief(found.plan, 1.0 if found.name != "double-11" else 0.01), 1, BASELINES["penstock"])
    beside = None if found.beside is None else Run(brief(found.beside, 1.0), 1, BASELINES["penstock"])
    assert not run.violations
    assert run.tally.orders > 0
    assert all(line.what for line in found.judge(run, beside))


def test_lines_have_floors_and_ceilings() -> None:
    """Both ends belong to what holds."""
    assert at_least("a", 1.0, 1.0).holds
    assert not at_least("a", 0.9, 1.0).holds
    assert at_most("a", 1.0, 1.0).holds
    assert not at_most("a", 1.1, 1.0).holds


def test_without_control_an_overload_collapses() -> None:
    """The pools slow down past their knee: what a limit is for."""
    (alone,) = [each for each in SCENARIOS if each.name == "a-alone"]
    plan = brief(alone.plan, 6.0)
    kept, free = (Run(plan, 1, permits).gauge.per_s(1, 6) for permits in (BASELINES["penstock"], no_permits))
    assert kept > 2 * free


def test_a_scenario_is_shown_with_its_lines_and_classes(capsys: pytest.CaptureFixture[str]) -> None:
    """By name, over seeds."""
    show(Showing(only="gray", seeds=2))
    told = capsys.readouterr().out
    assert "## gray: passes" in told
    assert "| A in deadline at least 0.99" in told
    assert "\n| A     | penstock" in told
    assert "of 1 scenarios pass" in told


def test_an_unknown_scenario_is_told_with_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody remembers thirteen names."""
    monkeypatch.setattr("sys.argv", ["sim.world", "scenarios", "--only", "grey"])
    assert command.main() == 2
    assert "there are: steady, step" in capsys.readouterr().out


def test_limiters_without_a_line_let_the_urgent_down() -> None:
    """A plain semaphore holds its limit, and gives its slots to whoever comes: that is what lines are for."""
    plan = brief(next(each for each in SCENARIOS if each.name == "step").plan, 12.0)
    own, plain = (
        Run(under(name, plan), 1, BASELINES[name]).goodput("A") for name in ("penstock", "semaphore")
    )
    assert own > 0.999
    assert plain < 0.9

"""The report of the scenarios: intervals, lines by seed, baselines beside; as Markdown, as JSON."""

import json
import math
from pathlib import Path

import pytest

from sim.world.estimate import T_MANY, Estimate
from sim.world.markdown import markdown
from sim.world.play import ClassFigures, Played, Turn
from sim.world.report import Report, ScenarioReport, limiter_report
from sim.world.scenario import Line, at_least
from sim.world.showing import Showing, show


def test_the_interval_of_a_mean_is_students() -> None:
    """Five values, four degrees of freedom: 2.776 standard errors each way."""
    estimate = Estimate.of([1.0, 2.0, 3.0, 4.0, 5.0])
    assert estimate.mean == 3.0
    assert estimate.half_width == pytest.approx(2.776 * math.sqrt(2.5) / math.sqrt(5))
    assert str(estimate) == "3 ± 2"


def test_one_value_has_no_interval_and_very_many_have_the_normal_one() -> None:
    """Of one run nothing is known about the spread."""
    assert Estimate.of([0.5]).half_width is None
    assert str(Estimate.of([0.5])) == "0.5"
    many = Estimate.of([0.0, 1.0] * 50)
    assert many.half_width == pytest.approx(T_MANY * 0.50252 / 10, rel=1e-3)
    assert str(Estimate.of([1000.0, 2000.0])) == "1500 ± 6353"


def played(seed: int, good: float, *, limiter: str = "penstock", broken: tuple[str, ...] = ()) -> Played:
    return Played(
        turn=Turn(scenario="s", limiter=limiter, seed=seed),
        lines=[at_least("good", good, 0.9), Line(what="other", value=1.0, holds=True)],
        classes={"A": ClassFigures(orders=10, goodput=good, p50_ms=1.0, p99_ms=2.0, verdicts={"served": 9})},
        broken=list(broken),
        requests=10,
        digest="d",
        took_s=0.1,
        memory_mb=10.0,
    )


def test_a_line_holds_when_it_holds_in_every_seed() -> None:
    """A mean above the mark with one seed below it is no pass."""
    report = limiter_report([played(1, 1.0), played(2, 0.85)])
    assert [line.holds for line in report.lines] == [False, True]
    assert report.lines[0].value.values == [1.0, 0.85]
    assert not report.passes
    assert report.classes["A"].verdicts == {"served": 9.0}


def test_a_rule_that_was_broken_fails_a_scenario_whose_lines_hold() -> None:
    """All checkers are on; what they find is no matter of a threshold."""
    assert limiter_report([played(1, 1.0)]).passes
    assert not limiter_report([played(1, 1.0, broken=("I1",))]).passes


def test_a_baseline_that_fails_fails_no_scenario_and_is_shown_beside() -> None:
    """It is there to be compared with."""
    limiters = [limiter_report([played(1, 1.0)]), limiter_report([played(1, 0.1, limiter="no control")])]
    scenario = ScenarioReport(name="s", about="a", limiters=limiters)
    report = Report(seeds=[1], full=False, scenarios=[scenario])
    told = markdown(report)
    assert scenario.passes
    assert "1 of 1 scenarios pass" in told
    assert "| good at least 0.9 | no control | NO    | 0.1  | 0.1     |" in told


def test_what_fails_is_named_at_the_end() -> None:
    """Nobody reads fourteen tables to find it."""
    failing = limiter_report([played(1, 0.1, broken=("I5 conservation",))])
    report = Report(seeds=[1], full=True, scenarios=[ScenarioReport(name="s", about="a", limiters=[failing])])
    told = markdown(report)
    assert told.endswith("0 of 1 scenarios pass; not: s")
    assert "penstock breaks I5 conservation" in told
    assert "at full size" in told


def test_two_processes_play_the_same_as_one_and_both_files_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same seeds, the same digests; how far it is goes to stderr."""
    files = tmp_path / "report.json", tmp_path / "report.md"
    digests = []
    for jobs in (1, 2):
        assert show(Showing(only="reload", seeds=2, jobs=jobs, out=files)) == 0
        report = json.loads(files[0].read_text())
        digests.append(report["scenarios"][0]["limiters"][0]["digests"])
        told = capsys.readouterr()
        assert "2 of 2: reload (penstock, seed 2)" in told.err
        assert told.out == files[1].read_text()
    assert digests[0] == digests[1]

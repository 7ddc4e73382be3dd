"""The page of a report, from an outcome made by hand."""

from array import array
from pathlib import Path

import numpy as np

from sim.load.arrivals import Stored
from sim.load.mix import RequestClass
from sim.load.part import sum_up
from sim.load.plan import Plan
from sim.load.record import Record
from sim.load.result import merged
from sim.load.schedule import Schedule
from sim.replay.comparison import comparison
from sim.replay.faults import Done
from sim.replay.outcome import Outcome, Ran, outcome_of
from sim.replay.page import page
from sim.replay.proxywatch import Sample
from sim.replay.script import write_script
from sim.replay.sight import Sight
from tests.unit.sim.replay.plans import GOOD, plan_of

SAID = "<script>alert(1)</script> $\\nonsense{$ & co"


def outcome(*, lost: bool = False) -> Outcome:
    """All answered after 10 ms, or none at all."""
    text = GOOD.replace("faults:", "minimumSample: 1\nunused:").split("unused:")[0] + "scale: 2\n"
    plan = plan_of(text)
    script = write_script(plan, Path())
    record = Record(Schedule(due_s=array("d", script.due_s.tolist()), kinds=script.kinds.tobytes()))
    for number, due_s in enumerate(script.due_s.tolist()):
        record.lag_s[number], record.sent_s[number] = 0.0, due_s
        record.ended_s[number], record.ends[number] = due_s + 0.01, -4 if lost else 200
    classes = (RequestClass(name="a"), RequestClass(name="b"))
    stored = Stored(folder="", seconds=script.seconds)
    load = Plan(target=plan.target, arrivals=stored, classes=classes)
    times = {name: np.array(getattr(record, name)) for name in ("planned_s", "lag_s", "sent_s", "ended_s")}
    sight = Sight(**times, ends=np.array(record.ends, dtype=np.int16), kinds=script.kinds)
    samples = [
        Sample(at_s=at, requests={"tier 0": 9 * at, "parked": at}, depth={"queued": at}, inflight={})
        for at in range(20)
    ]
    fault = Done(name=SAID, what=SAID, planned_s=12, began_s=12, took_s=0.1, well=True, said=SAID)
    ran = Ran(
        began="2026-11-11 00:00:00",
        result=merged(load, [sum_up(record, load.classes, script.seconds, 0)]),
        aborted="",
        faults=[fault],
        samples=samples,
        samples_missed=1,
    )
    return outcome_of(plan, script, sight, ran)


def test_the_verdict_is_that_of_the_thresholds() -> None:
    """Met with all answered in time; missed with none, which also is no recovery."""
    met, missed = outcome(), outcome(lost=True)
    assert (met.verdict, met.invalid, met.classes["all"].recovery_s) == ("MET", [], 0)
    assert missed.classes["all"].figures.lost == 800
    assert not missed.classes["all"].recovered
    assert [each.met for each in missed.judged if each.text == "goodput > 99.9%"] == [False]


def test_what_a_fault_said_cannot_write_into_the_page() -> None:
    """It comes from a command, or from somebody's answer."""
    text = page(outcome())
    assert "<script" not in text
    assert "alert(1)" in text


def test_tiers_and_tickets_are_drawn_where_the_proxy_was_looked_at() -> None:
    """Two curves more than without."""
    text = page(outcome())
    assert text.count("<svg") == 6
    assert "Tickets in the queue" in text
    assert "1 readings of the proxy" in text


def test_two_outcomes_are_compared_figure_by_figure() -> None:
    """B less A."""
    text = comparison(outcome(), outcome(lost=True))
    assert "-100.000 points" in text
    assert "<td>+800</td>" in text

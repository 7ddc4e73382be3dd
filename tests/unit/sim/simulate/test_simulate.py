"""Whole simulated nights: judged as live ones, with faults, prices and what they stand on."""

from pathlib import Path

import msgspec
import pytest

from sim.replay.files import read_outcome, write_report
from sim.replay.outcome import MET, MISSED, Outcome
from sim.simulate.errand import script_of, simulate
from sim.simulate.sizing import met, missed_of, sized
from tests.unit.sim.simulate.nights import GPU, PLAN, TABLE, ground_of, plan_of
from tests.unit.sim.simulate.test_happenings import ADMIN, drain

SLOW = "faults:\n  - {name: slow, at: 5, run: [x], virtual: {kind: slow, pool: gpu, factor: 20, for: 1}}\n"


def night(more: str = "", text: str = PLAN, **fields: object) -> Outcome:
    outcome, _ = simulate(plan_of(more, text), ground_of(**fields))  # type: ignore[arg-type]
    return outcome


def busy_at(outcome: Outcome, pool: str) -> dict[int, float]:
    return {round(each.at_s): each.busy[pool] for each in outcome.samples}


def test_a_night_is_judged_by_the_thresholds_of_a_live_one() -> None:
    """Same verdict, same figures, same exit codes; there is no generator to be late."""
    good = night()
    assert (good.exit_code, good.invalid, good.generator) == (MET, [], None)
    assert good.classes["all"].figures.arrivals == 760
    bad = night(text=PLAN.replace("rate: 150", "rate: 2000"))
    assert bad.exit_code == MISSED
    assert bad.classes["rest"].figures.deferred > 1_000


def test_the_same_plan_is_the_same_night_again() -> None:
    """One seed, one outcome, to the microsecond."""
    first, second = simulate(plan_of(), ground_of())[1], simulate(plan_of(), ground_of())[1]
    assert (first.ended_s == second.ended_s).all()


def test_a_drained_application_has_nothing_to_do_until_it_is_back() -> None:
    """What `POST .../drain` is to a live proxy."""
    faults = "faults:\n" + "".join(
        f"  - {{{each}}}\n" for each in (drain(4.5, "gpu"), drain(6.5, "gpu", "undrain"))
    )
    outcome = night(faults)
    busy = busy_at(outcome, "gpu")
    assert (busy[5], busy[6]) == (0, 0)
    assert busy[4] > 0
    assert busy[7] > 0
    assert [each.well for each in outcome.faults] == [True, True]


def test_a_table_that_is_put_comes_into_force(tmp_path: Path) -> None:
    """From then on the old one's pool gets nothing."""
    new = TABLE.replace(
        "application: gpu, timeout: 500, weight: 1", "application: gpu, timeout: 500, weight: 0"
    )
    (tmp_path / "new.yaml").write_text(new)
    put = f'  - {{name: put, at: 4.5, http: {{method: PUT, url: "{ADMIN}/table", file: new.yaml}}}}\n'
    ground = msgspec.structs.replace(ground_of(), base=tmp_path)
    outcome, _ = simulate(plan_of("faults:\n" + put), ground)
    busy = busy_at(outcome, "gpu")
    assert (busy[4] > 0, busy[5], busy[7]) == (True, 0, 0)


def test_slow_machines_are_slow_while_they_are() -> None:
    """The accident is in the night, and over when it is."""
    usual, slow = night(), night(SLOW)
    assert usual.classes["all"].stages["peak"].latency_ms["max"] < 150
    assert slow.classes["all"].stages["peak"].latency_ms["max"] > 150
    assert usual.classes["all"].stages["quiet"] == slow.classes["all"].stages["quiet"]


def test_the_abort_rule_ends_a_night_and_what_was_not_due_is_not_counted() -> None:
    """As it ends a live one."""
    dead = "".join(
        f"  - {{name: {each}, at: 1, run: [x], virtual: {{kind: refusing, pool: {each}}}}}\n"
        for each in ("gpu", "cpu")
    )
    text = PLAN.replace("label: 7}", "label: 7, headers: {Penstock-Fallback: none}}").replace(
        "weight: 1,", "weight: 0,"
    )
    outcome = night(f"faults:\n{dead}abort: {{failed: 50, for: 1}}\n", text)
    assert outcome.exit_code == MISSED
    assert outcome.aborted.startswith("ended at ")
    assert 1 < outcome.seconds < 4
    assert outcome.classes["all"].figures.arrivals < 200
    assert outcome.simulated is not None
    assert sum(each.share for each in outcome.simulated.classes) == pytest.approx(1)


def test_busy_time_is_what_was_served_and_each_class_has_its_own() -> None:
    """160 requests of 50 ms and 600 of them: 38 slot seconds of 64."""
    outcome = night(text=PLAN.replace("rate: 150", "rate: 100"))
    told = outcome.simulated
    assert told is not None
    gpu, cpu = told.pools
    figures = {name: outcome.classes[name].figures.arrivals for name in ("urgent", "rest")}
    assert gpu.busy == pytest.approx(sum(figures.values()) * 0.05 / (8 * 8), rel=0.1)
    assert cpu.busy < 0.2
    shares = {each.name: each.share for each in told.classes}
    assert shares["urgent"] == pytest.approx(figures["urgent"] / sum(figures.values()), abs=0.03)
    assert told.cost == pytest.approx((2 * 10 + 1) * 8 / 3600)


def test_tickets_later_tries_are_borne_by_the_class_that_they_came_with() -> None:
    """Or deferring would be free."""
    text = PLAN.replace("label: 7}", "label: 7, headers: {Prefer: respond-async}}")
    told = night(text=text).simulated
    assert told is not None
    assert next(each.share for each in told.classes if each.name == "rest") > 0.3


def test_a_report_of_a_night_reads_back_and_shows_what_it_stands_on(tmp_path: Path) -> None:
    """The page is drawn from `result.json` alone."""
    plan = plan_of()
    outcome, sight = simulate(plan, ground_of(assumed="the prices", proxies=4), sampled=4)
    write_report(tmp_path, plan, outcome, sight, requests=True)
    again = read_outcome(tmp_path)
    assert (again.simulated, again.weight) == (outcome.simulated, 4)
    text = (tmp_path / "report.html").read_text()
    for said in (
        "Enough for all thresholds: pool gpu 2",
        "simulated",
        "Assumed: the prices",
        "each simulated request stands for 4",
        "one request in 4",
    ):
        assert said in text
    assert "One of 4 proxies" in text
    assert "pool gpu</text>" in text, "the curve of a pool bears its name"
    assert len((tmp_path / "requests.jsonl").read_text().splitlines()) == len(sight)


def test_thinning_load_and_fleet_alike_keeps_the_machines_as_busy() -> None:
    """1 in 20 of 2,400 a second before 1 in 20 of 40 machines; a small pool overflows a little earlier."""
    text = PLAN.replace("rate: 150", "rate: 2400").replace("rate: 40,", "rate: 640,")
    large = msgspec.structs.replace(GPU, machines=40)
    table = TABLE.replace("concurrency: 8", "concurrency: 160").replace("concurrency: 4", "concurrency: 80")
    ground = ground_of(table, large, msgspec.structs.replace(ground_of().fleet.pools[1], machines=20))
    whole, part = (simulate(plan_of("", text), ground, sampled=each)[0] for each in (1, 20))
    assert whole.simulated is not None
    assert part.simulated is not None
    assert part.classes["all"].figures.arrivals == pytest.approx(
        whole.classes["all"].figures.arrivals / 20, rel=0.01
    )
    for cost, same in zip(whole.simulated.classes, part.simulated.classes, strict=True):
        assert same.per_thousand == pytest.approx(cost.per_thousand, rel=0.1)
    for one, other in zip(whole.simulated.pools[:1], part.simulated.pools[:1], strict=True):
        assert other.busy == pytest.approx(one.busy, rel=0.1)
        assert other.full_rate == one.full_rate


def test_the_fewest_machines_are_found_that_meet_every_threshold() -> None:
    """600 a second with 300 ms to spare: 30 slots serve so many, and not much fewer do."""
    text = PLAN.replace("rate: 150", "rate: 600").replace("urgent: [goodput", "all: [goodput")
    plan = plan_of("", text)
    told: list[tuple[str, float]] = []
    sizing, ground = sized(
        plan,
        script_of(plan, Path(), 1),
        ground_of(),
        "gpu",
        1,
        lambda name, count, _: told.append((name, count)),
    )
    assert sizing.found is not None
    assert 6 <= sizing.found <= 8
    assert (sizing.now, sizing.within) == (2, 1)
    assert sizing.said.startswith(
        f"pool gpu: {sizing.found:.0f} machines are enough, now 2 miss all: goodput"
    )
    assert ground.sized == {"gpu": sizing.found}
    assert met(simulate(plan, ground)[0])
    fewer = msgspec.structs.replace(ground, sized={"gpu": sizing.found - 1})
    assert missed_of(simulate(plan, fewer)[0])
    assert [("pool gpu", each.machines) for each in sizing.trials] == told


def test_the_answer_says_what_its_thresholds_let_pass() -> None:
    """Machines that are enough for the urgent ones alone leave the others with tickets."""
    plan = plan_of("", PLAN.replace("rate: 150", "rate: 600"))
    sizing, _ = sized(plan, script_of(plan, Path(), 1), ground_of(), "gpu", 1, lambda *_: None)
    assert sizing.found is not None
    trial = next(each for each in sizing.trials if each.machines == sizing.found)
    assert trial.deferred > 0.1
    assert f"({trial.deferred:.0%} of the requests deferred)" in sizing.said


def test_where_no_number_of_machines_is_enough_the_answer_says_so() -> None:
    """No machine answers before its service time."""
    plan = plan_of("", PLAN.replace("urgent: [goodput > 99%", "urgent: [p50 < 40ms"))
    sizing, ground = sized(plan, script_of(plan, Path(), 1), ground_of(), "gpu", 1, lambda *_: None)
    assert sizing.found is None
    assert "no number of machines up to 128 is enough" in sizing.said
    assert ground.sized == {}

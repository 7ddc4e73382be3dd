"""The load of a simulated night: the schedule, the labels and the ends of a live run."""

from array import array
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from proxy.messages import Fallback
from sim.load.ends import TIMED_OUT, UNANSWERED
from sim.load.stored import read_share, write_schedule
from sim.replay.plan import ReplayPlan
from sim.replay.script import write_script
from sim.simulate.errand import play, sampled_for, script_of
from sim.simulate.player import deadline_of, fallback_of
from tests.unit.sim.simulate.nights import GPU, PLAN, TABLE, ground_of, plan_of


def headed(**headers: str) -> Any:
    fields = ", ".join(f"{name.replace('_', '-')}: '{value}'" for name, value in headers.items())
    return plan_of(text=PLAN.replace("label: 7}", f"label: 7, headers: {{{fields}}}}}")).classes[1]


def test_the_schedule_is_the_one_that_a_live_run_sends(tmp_path: Path) -> None:
    """Same plan, seed and scale: every request at the same time, of the same class."""
    plan = plan_of("seed: 7\nscale: 2\n")
    live = write_script(plan, Path())
    write_schedule(tmp_path, live.due_s.tobytes(), live.kinds.tobytes(), [[b""], [b""]])
    sent = read_share(str(tmp_path), 0, 1)
    script = script_of(plan, Path(), 1)
    _, sight = play(plan, script, ground_of())
    assert array("d", sight.planned_s.tolist()) == sent.due_s
    assert sight.kinds.tobytes() == sent.kinds
    assert (sight.sent_s == sight.planned_s).all()


def test_another_seed_is_another_schedule() -> None:
    """Or the test above would say nothing."""
    assert (script_of(plan_of("seed: 8\n"), Path(), 1).due_s != script_of(plan_of(), Path(), 1).due_s).any()


def test_labels_take_turns_as_the_generators_do() -> None:
    """By the number of the request in its process, so that the same request has the same label."""
    table = TABLE.replace("label: [1, 44, 7]", "label: [1, 7]")
    plan = plan_of(text=PLAN.replace("weight: 1, deadline", "weight: 9, deadline"))
    _, sight = play(plan, script_of(plan, Path(), 1), ground_of(table))
    urgent = sight.kinds == 0
    unknown = sight.ends == 404
    assert (unknown == (urgent & (np.arange(len(sight)) % 2 == 1))).all()
    two = msgspec.structs.replace(plan, processes=2)
    _, sight = play(two, script_of(two, Path(), 1), ground_of(table))
    assert ((sight.ends == 404) == (urgent & (np.arange(len(sight)) // 2 % 2 == 1))).all()


def test_a_recordings_own_labels_stand_in_place_of_the_classes() -> None:
    """Requests of one class may differ."""
    plan = plan_of()
    script = script_of(plan, Path(), 1)
    labels = [("9",) if number % 3 == 0 else ("7", "1") for number in range(len(script.due_s))]
    _, sight = play(plan, script, ground_of(), labels=labels)
    assert ((sight.ends == 404) == (np.arange(len(sight)) % 3 == 0)).all()


def test_what_header_fields_ask_for_is_done() -> None:
    """As the proxy's front reads them."""
    assert fallback_of(headed(Prefer="Respond-Async, wait=5")) is Fallback.AT_ONCE
    assert fallback_of(headed(Penstock_Fallback="none")) is Fallback.NONE
    assert fallback_of(headed(Accept="x")) is Fallback.QUEUE
    assert deadline_of(headed(Penstock_Deadline_Ms="250")) == 0.25
    assert deadline_of(headed(Accept="x")) is None


def stuck(plan: ReplayPlan) -> tuple[set[int], set[float]]:
    """Ends and times of requests to machines that never answer, without deadlines to speak of."""
    table = TABLE.replace("deadline: 300", "deadline: 60000").replace("deadline: 1000", "deadline: 60000")
    table = table.replace("timeout: 500", "timeout: 60000")
    _, sight = play(plan, script_of(plan, Path(), 1), ground_of(table))
    ends = sight.ends[sight.planned_s < 1]
    return set(ends.tolist()), set(np.round(sight.latency_s[sight.planned_s < 1]).tolist())


GONE = "  - {{name: {0}, at: 0, run: [x], virtual: {{kind: black-hole, pool: {0}}}}}\n"
HOLE = "faults:\n" + "".join(GONE.format(pool) for pool in ("gpu", "cpu"))


def test_who_waits_for_too_long_leaves_and_who_waits_at_the_end_has_no_answer() -> None:
    """`limits.answer` and `limits.drain`, as in a live run."""
    ends, latencies_s = stuck(plan_of(HOLE + "limits: {answer: 2, drain: 5}\n"))
    assert ends == {TIMED_OUT}
    assert latencies_s <= {2.0, 3.0}
    ends, _ = stuck(plan_of(HOLE + "limits: {answer: 600, drain: 1}\n"))
    assert ends == {UNANSWERED}


def test_an_answer_takes_the_edges_time_too() -> None:
    """What a hop costs is no load on any machine: it is added to each answer."""
    plan = plan_of()
    script = script_of(plan, Path(), 1)
    _, without = play(plan, script, ground_of())
    _, with_edge = play(plan, script, ground_of(edge_s=0.003))
    assert with_edge.ended_s - without.ended_s == pytest.approx(0.003)


def test_sampling_takes_no_more_than_wanted_and_no_less_than_one_proxy() -> None:
    """With as many proxies as that one of them is little enough, one of them is simulated."""
    plan = plan_of("scale: 1000\nlimits: {requests: 100000000}\n")  # 760,000 requests
    assert sampled_for(plan, Path(), 1, 100_000) == 8
    assert sampled_for(plan, Path(), 5, 100_000) == 8
    assert sampled_for(plan, Path(), 20, 100_000) == 20
    assert sampled_for(plan_of(), Path(), 1, 100_000) == 1
    assert len(script_of(plan, Path(), 8).due_s) == 95_000


def test_machines_of_one_pool_are_all_busy_when_more_comes_than_they_serve() -> None:
    """8 slots of 50 ms serve 160 a second and no more; the rest is served behind them."""
    plan = plan_of(text=PLAN.replace("rate: 150", "rate: 400"))
    outcome, _ = play(plan, script_of(plan, Path(), 1), ground_of())
    assert outcome.simulated is not None
    gpu = outcome.simulated.pools[0]
    assert (gpu.full_rate, gpu.busy_peak) == (160.0, 1.0)
    assert GPU.slots * GPU.machines == 8

"""Requests of light models: alone and at once, and to their callers the same as any other."""

import asyncio
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from tests.unit.workers.tree.test_steps import CPU, PREDICTOR, Tree, risk_of
from workers.errors import Expired, ModelFailed, NotReady
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, RequestedOutput, Tensor
from workers.pool import key_of
from workers.tree.batch import Ended, run, run_alone
from workers.tree.intake import Job
from workers.tree.messages import Detach, Known, Release
from workers.tree.pace import Pace
from workers.tree.served import Served
from workers.tree.slot import Status, cancel


class Told(Pace):
    """It is as the test says, however slow this machine is."""

    light = True  # type: ignore[assignment]

    def at_once(self) -> bool:
        return False

    def ran(self, took_s: float) -> None:
        """Nothing is learnt."""


@pytest.fixture
async def tree(tmp_path: Path) -> Any:
    """One request at a time, without stages, by a model that has shown that it is quick."""
    made = Tree(tmp_path, batch=1)
    served = Served(Known(0, 0, made.entry), CPU)
    served.seats = (PREDICTOR,)
    made.pool.serve({key_of(made.entry): served}, loaded=True)
    made.held.pace = Told()
    yield made
    made.close()


async def test_each_runs_alone_and_none_needs_a_batcher(tree: Tree) -> None:
    """Three requests, three batches, one turn, and the crew sleeps."""
    futures = [tree.ask("x" * number) for number in (1, 2, 3)]
    tree.predictor.turn()
    tree.pool.collect()
    assert [risk_of(future) for future in futures] == [[0.1], [0.2], [0.3]]
    assert tree.at_rest()
    found = tree.pool.statistics(tree.entry)
    assert (found.inference_count, found.execution_count, list(found.batches)) == (3, 3, [1])


async def test_the_most_critical_goes_first_then_the_most_pressing(tree: Tree) -> None:
    """As a batcher would have it."""
    for text, rank, within_s in (("late", 1, 5), ("soon", 1, 4), ("first", 0, 50)):
        tree.ask(text, rank=rank, within_s=within_s)
    tree.predict()
    assert tree.ran() == ["first", "soon", "late"]


async def test_one_that_fails_fails_alone(tree: Tree) -> None:
    """It says why, and those beside it are answered."""
    futures = [tree.ask("fail"), tree.ask("abc")]
    tree.predict()
    assert isinstance(futures[0].exception(), ModelFailed)
    assert risk_of(futures[1]) == [0.3]


async def test_a_broken_device_ends_the_predictor(tree: Tree) -> None:
    """Also where the batch ran in its first thread."""
    future = tree.ask("broken")
    tree.predict()
    assert isinstance(future.exception(), NotReady)
    assert tree.predictor.live() != 0


async def test_whose_caller_left_is_never_run(tree: Tree) -> None:
    """Its slot comes back all the same."""
    future = tree.ask("gone")
    future.cancel()
    await asyncio.sleep(0)
    tree.desk.flush()
    tree.predict()
    assert tree.ran() == []
    assert tree.at_rest()


async def test_what_is_too_late_is_never_run(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The predictor looks at the clock itself."""
    future = tree.ask("dead")
    monkeypatch.setattr("workers.tree.batch.monotonic", lambda: monotonic() + 100)
    tree.predict()
    assert isinstance(future.exception(), Expired)
    assert "dead" not in tree.ran()


async def test_more_than_a_turn_takes_wait_for_the_next(tree: Tree) -> None:
    """Between two turns the rings are looked at: the critical ones among the new go first."""
    for number in range(20):
        tree.ask(f"x{number:02}", rank=1)
    tree.predictor.turn()
    assert 0 < len(tree.ran()) < 20
    before = len(tree.ran())
    tree.ask("first", rank=0)
    tree.predict()
    assert tree.ran()[before] == "first"
    assert len(tree.ran()) == 21


async def test_a_turn_waits_for_nothing_while_something_waits_for_it(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rings may be empty: those behind the first few would wait for a tick."""
    waits: list[float] = []
    wait = tree.worker.wait
    monkeypatch.setattr(tree.worker, "wait", lambda timeout_s: waits.append(timeout_s) or wait(timeout_s))
    for number in range(20):
        tree.ask(f"x{number}")
    tree.predictor.turn()
    tree.predictor.turn()
    assert waits[1] == 0.0


async def test_what_waits_when_its_model_leaves_is_not_ready(tree: Tree) -> None:
    """Nothing is left behind in any heap."""
    futures = [tree.ask(f"x{number}") for number in range(20)]
    tree.predictor.turn()
    tree.channels[PREDICTOR].send(Release((0,)))
    tree.predict()
    assert any(isinstance(future.exception(), NotReady) for future in futures)
    assert tree.at_rest()


async def test_what_a_dead_front_had_is_forgotten(tree: Tree) -> None:
    """Nobody would read it."""
    for number in range(20):
        tree.ask(f"x{number}")
    tree.predictor.turn()
    ran = len(tree.ran())
    tree.channels[PREDICTOR].send(Detach(0))
    while tree.predictor.busy:
        tree.predictor.turn()
    assert len(tree.ran()) == ran


async def test_a_model_that_grew_slow_goes_back_to_its_batcher(tree: Tree) -> None:
    """With what waits of it."""
    futures = [tree.ask("x" * (1 + number % 9)) for number in range(20)]
    tree.predictor.turn()
    tree.held.pace.light = False
    assert not tree.predictor._jobs
    tree.predictor.turn()
    assert tree.predictor._jobs
    tree.predict()
    assert [risk_of(future) for future in futures] == [[(1 + number % 9) / 10] for number in range(20)]


async def test_no_more_run_at_once_than_the_model_allows(tree: Tree) -> None:
    """One is in the crew's hands, and the model said that it can do one at a time."""
    group = tree.predictor._turns.group(0)
    assert group is not None
    group.running += 1
    future = tree.ask("abc")
    tree.predictor.turn()
    assert tree.ran() == []
    group.running -= 1
    tree.predict()
    assert risk_of(future) == [0.3]


async def test_what_runs_on_a_shared_device_is_never_light(tree: Tree) -> None:
    """All models take turns there, and the first thread must not wait for it."""
    group = tree.predictor._turns.group(0)
    assert group is not None
    group.at_once = False
    for _ in range(3):
        tree.ask("abc")
    tree.predictor.turn()
    assert tree.predictor._jobs
    tree.predict()
    assert tree.at_rest()


CASES = ("fine", "fail", "broken", "one output", "left", "late", "no room")


def job_of(tree: Tree, case: str) -> Job:
    """A request as its predictor finds it."""
    text = case if case in ("fail", "broken") else "abc"
    tensor = Tensor.of("TEXT", "BYTES", bytes_array([text.encode()]))
    outputs = (RequestedOutput(name="RISK"),) if case == "one output" else ()
    tree.pool.infer(tree.entry, InferRequest(inputs=(tensor,), outputs=outputs), monotonic() + 60)
    ((job,), _) = tree.worker.intake.take()
    if case == "left":
        cancel(job.front.estate.memory, job.slot)
    if case == "no room":
        job.ask = job.ask._replace(room=8)
    return job


def seen(ended: Ended) -> Any:
    """What does not depend on the clock."""
    ((job, answer),) = ended.answers
    said = bytes(job.room[: answer.written]) if answer.status != Status.ROOM else b""
    return (
        (answer.status, answer.batch, answer.written, said),
        (ended.again, ended.rows, ended.failed, ended.succeeded, ended.broken),
    )


@pytest.mark.parametrize("case", CASES)
async def test_it_is_what_a_batch_of_one_is(tree: Tree, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` is the plain twin."""
    one, other = job_of(tree, case), job_of(tree, case)
    if case == "late":
        monkeypatch.setattr("workers.tree.batch.monotonic", lambda: monotonic() + 100)
    ended = run_alone(tree.held.model, one)
    assert seen(ended) == seen(run(tree.held.model, (other,)))
    assert ended.rows == (case not in ("left", "late"))
    assert (ended.input_ns > 0, ended.infer_ns > 0, ended.output_ns > 0) == (bool(ended.rows),) * 3

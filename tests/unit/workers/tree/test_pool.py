"""A front's pool over real memory; the worker at the other end is the test."""

import asyncio
import gc
import os
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
import numpy as np
import pytest

from workers.batching.limits import BatchLimits
from workers.device import Device
from workers.entry import Entry
from workers.errors import Expired, ModelFailed, NotReady, Overloaded, TooBig, Unusable
from workers.oip.datatypes import BadTensor
from workers.oip.tensors import InferRequest, RequestedOutput, Tensor, TensorSpec
from workers.pool import Key, key_of
from workers.ports import Prepared
from workers.tree.bell import make_bell
from workers.tree.desk import Desk
from workers.tree.estate import Estate, Plan, make_estate
from workers.tree.form import chosen, read_prepared, read_request, wanted_of
from workers.tree.health import FAILURES_DOUBTED, LATELY_S
from workers.tree.intake import Intake, Job, words
from workers.tree.ledger import FAILED, SUCCEEDED_NS, Ledger, make_ledger
from workers.tree.messages import Asked, Known
from workers.tree.parcel import Parcel
from workers.tree.pool import TreePool
from workers.tree.served import Served
from workers.tree.slot import Answer, Status, Step

PLAN = Plan(slots=8, heap_bytes=2**16, seats=2)
STAGE, PREDICTOR = 0, 1


def entry_of(name: str = "m", version: str = "1", **more: Any) -> Entry:
    return Entry(
        name=name,
        version=version,
        kind="tensors",
        backend="python",
        folder=Path(),
        inputs=(TensorSpec(name="x", datatype="INT32", shape=(-1,)),),
        sample={"x": [1]},
        concurrency=1,
        **{"queued_max": 2, **more},
    )


def request_of(*values: int) -> InferRequest:
    return InferRequest(inputs=(Tensor.of("x", "INT32", np.array(values, np.int32)),))


class World:
    """One front, one stage, one predictor."""

    def __init__(self) -> None:
        self._ledger_file = make_ledger(2)
        self.front = Ledger(self._ledger_file, columns=2, column=0)
        self.predictor = Ledger(self._ledger_file, columns=2, column=1)
        self.estate = make_estate(PLAN)
        self.desk = Desk(Estate(self.estate, PLAN), PLAN)
        self.asked: list[Asked] = []
        self.pool = TreePool(self.desk, self.front, Device(type="cpu"), self.asked.append)
        self.intakes: dict[int, Intake] = {}
        self.served: dict[Key, Served] = {}
        for seat in (STAGE, PREDICTOR):
            self.sit(seat)

    def sit(self, seat: int) -> None:
        self.desk.seated(seat, make_bell())
        self.intakes[seat] = Intake(PLAN, monotonic)
        self.intakes[seat].attach(0, seat, os.dup(self.estate), make_bell())

    def serve(self, entry: Entry, *, prepared: bool = False, seat: int | None = PREDICTOR) -> Entry:
        number = len(self.served)
        served = Served(Known(number, number, entry, front=False, prepared=prepared), Device(type="cpu"))
        served.seat = seat
        self.served[key_of(entry)] = served
        self.pool.serve(dict(self.served), loaded=True)
        self.predictor.set(number, SUCCEEDED_NS, int(monotonic() * 1e9))
        return entry

    def jobs(self, seat: int = PREDICTOR) -> list[Job]:
        return self.intakes[seat].take()[0]

    def left(self, seat: int = PREDICTOR) -> list[Job]:
        return self.intakes[seat].take()[1]

    def answer(self, job: Job, answer: Answer, seat: int = PREDICTOR) -> None:
        self.intakes[seat].answer(job, answer)
        self.intakes[seat].flush()
        self.pool.collect()

    def answer_with(self, job: Job, *values: int, seat: int = PREDICTOR) -> None:
        parcel = Parcel((Tensor.of("y", "INT32", np.array(values, np.int32)),))
        if parcel.size > job.ask.room:
            self.answer(job, Answer(Status.ROOM, written=parcel.size), seat)
            return
        parcel.write(job.room)
        self.answer(job, Answer(Status.OK, written=parcel.size, infer_ns=7), seat)

    def at_rest(self) -> bool:
        return self.desk.open == 0 and self.desk.heap.used == 0

    def close(self) -> None:
        for seat in (STAGE, PREDICTOR):
            self.desk.vacated(seat)
            self.intakes[seat].detach(0)
        os.close(self.estate)
        os.close(self._ledger_file)


@pytest.fixture
async def world() -> Any:
    made = World()
    yield made
    made.close()


def values_of(future: "asyncio.Future[Any]") -> list[int]:
    (tensor,) = future.result()
    values: list[int] = tensor.data.tolist()
    return values


async def test_a_request_goes_to_the_predictor_and_its_answer_comes_back(world: World) -> None:
    """Its tensors arrive whole; nothing is held afterwards, and the answer owns its memory."""
    entry = world.serve(entry_of())
    future = world.pool.infer(entry, request_of(1, 2, 3), None)
    (job,) = world.jobs()
    assert read_request(job.asked).inputs[0].data.tolist() == [1, 2, 3]
    assert (job.ask.step, job.ask.rank) == (Step.INFER, 0)
    world.answer_with(job, 4, 5)
    world.desk.bytes[: 2**16] = b"\xff" * 2**16
    assert values_of(future) == [4, 5]
    assert world.at_rest()
    found = world.pool.statistics(entry)
    assert (found.success.count, found.inference_count, found.compute_infer.ns) == (1, 1, 7)


async def test_a_stage_prepares_and_the_predictor_gets_what_it_made(world: World) -> None:
    """Only numbers of slots travel; a stage that is not there is done without."""
    entry = world.serve(entry_of(), prepared=True)
    world.pool.stages.add(STAGE)
    future = world.pool.infer(entry, request_of(1), None)
    (job,) = world.jobs(STAGE)
    assert (job.ask.step, world.jobs()) == (Step.PREPARE, [])
    world.answer_with(job, 9, seat=STAGE)
    (job,) = world.jobs()
    assert job.ask.step == Step.PREDICT
    assert read_request(job.asked).inputs[0].data.tolist() == [9]
    world.answer_with(job, 10)
    assert values_of(future) == [10]
    world.pool.stages.clear()
    world.pool.infer(entry, request_of(1), None)
    assert world.jobs()[0].ask.step == Step.INFER


class Ready:
    """A kind for which there is nothing to prepare in even numbers."""

    def at_once(self, request: InferRequest) -> Prepared | None:
        even = request.inputs[0].data[0] % 2 == 0
        return Prepared(calls=((request.inputs[0],),)) if even else None


async def test_what_is_ready_at_once_needs_no_preparing(world: World) -> None:
    """The predictor's time is dearer than a front's."""
    entry = world.serve(entry_of(), prepared=True)
    world.pool.stages.add(STAGE)
    world.served[key_of(entry)].kind = Ready()
    world.pool.infer(entry, request_of(2), None)
    (job,) = world.jobs()
    assert job.ask.step == Step.PREDICT
    (made, _), names = read_prepared(job.asked)
    assert isinstance(made, Prepared)
    assert (made.calls[0][0].data.tolist(), names) == ([2], ())
    world.pool.infer(entry, request_of(3), None)
    assert [job.ask.step for job in world.jobs(STAGE)] == [Step.PREPARE]


async def test_the_outputs_that_are_wanted_are_told(world: World) -> None:
    """What nobody asked for need not be copied twice."""
    entry = world.serve(entry_of())
    request = msgspec.structs.replace(request_of(1), outputs=(RequestedOutput(name="y"),))
    world.pool.infer(entry, request, None)
    (job,) = world.jobs()
    assert wanted_of(read_request(job.asked)) == ("y",)
    outputs = tuple(Tensor.of(name, "INT32", np.array([1], np.int32)) for name in "xyz")
    assert [tensor.name for tensor in chosen(outputs, ("y",))] == ["y"]
    assert chosen(outputs, ()) == outputs
    assert chosen(outputs, ("y", "none")) == outputs  # the front says what there is


async def test_one_above_what_runs_and_waits_is_refused_until_one_ends(world: World) -> None:
    """One runs, two wait, the fourth is too many, in all fronts together; a failed one makes room too."""
    entry = world.serve(entry_of())
    futures = [world.pool.infer(entry, request_of(1), None) for _ in range(3)]
    with pytest.raises(Overloaded):
        world.pool.infer(entry, request_of(1), None)
    job = world.jobs()[0]
    world.answer(job, words(job, Status.MODEL_FAILED, "no kernel"))
    assert isinstance(futures[0].exception(), ModelFailed)
    assert "no kernel" in str(futures[0].exception())
    world.pool.infer(entry, request_of(1), None)
    with pytest.raises(Overloaded):
        world.pool.infer(entry, request_of(1), None)
    assert world.pool.statistics(entry).fail.count == 1


async def test_a_full_server_refuses_at_once(world: World) -> None:
    """No slot is free, or no memory; what never fits is told apart."""
    entry = world.serve(entry_of(queued_max=100))
    for _ in range(PLAN.slots):
        world.pool.infer(entry, request_of(1), None)
    with pytest.raises(Overloaded):
        world.pool.infer(entry, request_of(1), None)
    for job in world.jobs():
        world.answer_with(job, 1)
    world.pool.infer(entry, request_of(*range(5000)), None)
    with pytest.raises(Overloaded):
        world.pool.infer(entry, request_of(*range(5000)), None)
    with pytest.raises(TooBig):
        world.pool.infer(entry, request_of(*range(20_000)), None)
    world.answer_with(world.jobs()[0], 1)
    assert world.at_rest()


async def test_a_caller_that_leaves_gives_its_place_back(world: World) -> None:
    """At once the waiting, and the slot as soon as its holder has let go."""
    entry = world.serve(entry_of())
    future = world.pool.infer(entry, request_of(1), None)
    (job,) = world.jobs()
    future.cancel()
    await asyncio.sleep(0)
    assert job.unwanted(monotonic()) == Status.DROPPED
    assert world.left() == [job]
    assert not world.at_rest()
    world.answer(job, Answer(Status.DROPPED))
    assert world.at_rest()


async def test_a_deadline_in_the_past_takes_no_place_and_one_that_passes_ends_the_waiting(
    world: World,
) -> None:
    """The caller is not kept until its seat has noticed."""
    entry = world.serve(entry_of())
    with pytest.raises(Expired):
        world.pool.infer(entry, request_of(1), monotonic())
    assert world.at_rest()
    with pytest.raises(Expired):
        await world.pool.infer(entry, request_of(1), monotonic() + 0.01)
    (job,) = world.jobs()
    assert job.unwanted(monotonic()) is not None
    world.answer(job, Answer(Status.EXPIRED))
    assert world.at_rest()
    assert world.pool.statistics(entry).fail.count == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (Status.BAD_TENSOR, BadTensor),
        (Status.EXPIRED, Expired),
        (Status.OVERLOADED, Overloaded),
        (Status.NOT_READY, NotReady),
    ],
)
async def test_each_way_to_end_is_told_in_words(world: World, status: Status, error: type[Exception]) -> None:
    """Whose fault it is decides over the HTTP status, and so over what proxies do."""
    future = world.pool.infer(world.serve(entry_of()), request_of(1), None)
    (job,) = world.jobs()
    world.answer(job, words(job, status, "because"))
    assert type(future.exception()) is error
    assert str(future.exception()) == "because"


async def test_what_a_dead_worker_had_fails_and_what_it_had_done_does_not(world: World) -> None:
    """Its answers lie in memory that outlives it."""
    entry = world.serve(entry_of())
    futures = [world.pool.infer(entry, request_of(number), None) for number in range(2)]
    job = world.jobs()[0]
    parcel = Parcel((Tensor.of("y", "INT32", np.array([5], np.int32)),))
    parcel.write(job.room)
    world.intakes[PREDICTOR].answer(job, Answer(Status.OK, written=parcel.size))
    world.desk.vacated(PREDICTOR)
    assert values_of(futures[0]) == [5]
    assert isinstance(futures[1].exception(), NotReady)
    assert world.at_rest()


async def test_an_answer_that_does_not_fit_is_asked_for_again_with_room(world: World) -> None:
    """Nobody knows beforehand how much an open model answers; the next one of that size has room at once."""
    entry = world.serve(entry_of())
    future = world.pool.infer(entry, request_of(1), None)
    for turn in range(2):
        (job,) = world.jobs()
        world.answer_with(job, *range(2000))
        assert future.done() == bool(turn)
    assert len(values_of(future)) == 2000
    world.pool.infer(entry, request_of(1), None)
    assert world.jobs()[0].ask.room >= 8000


async def test_an_answer_that_never_fits_ends(world: World) -> None:
    """One that grows each time would go around for ever."""
    future = world.pool.infer(world.serve(entry_of()), request_of(1), None)
    for turn in range(4):
        (job,) = world.jobs()
        world.answer(job, Answer(Status.ROOM, written=2000 * (turn + 1)))
    assert isinstance(future.exception(), Overloaded)
    assert world.at_rest()


async def test_what_the_model_does_not_take_is_refused_before_it_costs_anything(world: World) -> None:
    """400 without a hop."""
    entry = world.serve(entry_of())
    with pytest.raises(BadTensor):
        world.pool.infer(entry, InferRequest(inputs=()), None)
    assert world.at_rest()


async def test_readiness_is_a_success_lately_at_a_seat(world: World) -> None:
    """Loaded, not failing in a row, and not silent for long."""
    entry = world.serve(entry_of())
    assert world.pool.ready(entry)
    world.predictor.set(0, FAILED, FAILURES_DOUBTED)
    assert not world.pool.ready(entry)
    world.predictor.set(0, FAILED, 0)
    world.predictor.set(0, SUCCEEDED_NS, int((monotonic() - LATELY_S) * 1e9))
    assert not world.pool.ready(entry)
    world.serve(entry_of("n"), seat=None)
    assert not world.pool.ready(entry_of("n"))
    with pytest.raises(NotReady):
        world.pool.infer(entry_of("n"), request_of(1), None)
    assert [(each.entry.name, each.ready) for each in world.pool.index()] == [("m", False), ("n", False)]


async def test_a_model_in_doubt_gets_a_chance(world: World) -> None:
    """Whoever asks for readiness sends the sample himself."""
    entry = world.serve(entry_of())
    world.predictor.set(0, FAILED, FAILURES_DOUBTED)
    proof = asyncio.create_task(world.pool.prove(entry))
    await asyncio.sleep(0)
    (job,) = world.jobs()
    world.predictor.set(0, FAILED, 0)
    world.answer_with(job, 1)
    assert await proof


async def test_without_a_version_the_highest_answers(world: World) -> None:
    """10 is above 9, and numbers are above words."""
    for version in ("9", "10", "beta", "1"):
        world.serve(entry_of(version=version))
    found = world.pool.find("m")
    assert found is not None
    assert found.version == "10"
    assert world.pool.versions("m") == ["beta", "1", "9", "10"]
    assert world.pool.find("m", "2") is None
    assert world.pool.find("z") is None


async def test_rows_are_counted_where_the_model_batches(world: World) -> None:
    """As Triton counts inferences: a client's own batch of three is three."""
    entry = world.serve(entry_of(batching=BatchLimits(max_batch_size=4)))
    world.pool.infer(entry, request_of(1, 2, 3), None)
    world.answer_with(world.jobs()[0], 1)
    assert world.pool.statistics(entry).inference_count == 3


async def test_a_load_that_fails_raises_what_the_supervisor_says(world: World) -> None:
    """And one that does not returns."""
    failing = asyncio.create_task(world.pool.load_model("m"))
    going = asyncio.create_task(world.pool.unload_model("n"))
    await asyncio.sleep(0)
    assert [(each.name, each.load) for each in world.asked] == [("m", True), ("n", False)]
    world.pool.told(world.asked[0].serial, "no kernel")
    world.pool.told(world.asked[1].serial, "")
    with pytest.raises(Unusable, match="no kernel"):
        await failing
    await going


async def test_answers_of_others_are_never_mixed_up(world: World) -> None:
    """Many at once, answered in another order."""
    entry = world.serve(entry_of(queued_max=100))
    futures = [world.pool.infer(entry, request_of(number), None) for number in range(PLAN.slots)]
    jobs = world.jobs()
    echoed = {job: int(read_request(job.asked).inputs[0].data[0]) for job in jobs}
    for job in reversed(jobs):
        world.answer_with(job, echoed[job] * 10)
    assert [values_of(future) for future in futures] == [[number * 10] for number in range(PLAN.slots)]


async def test_a_failure_that_nobody_waits_for_is_not_logged(world: World) -> None:
    """A caller may leave before its process dies: that is no news for an operator."""
    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: told.append(what))
    world.pool.infer(world.serve(entry_of()), request_of(1), None)
    world.desk.vacated(PREDICTOR)
    await asyncio.sleep(0)
    gc.collect()
    assert not told
    assert world.at_rest()

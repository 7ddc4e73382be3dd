"""A stage and a predictor, each a turn at a time: what they do, and what they no longer do."""

import asyncio
import os
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from workers.batching.limits import BatchLimits
from workers.device import Device, Ground
from workers.entry import Entry
from workers.errors import BadInput, Expired, ModelFailed, NotReady
from workers.kinds.classification import ClassificationOptions
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor, TensorSpec
from workers.pool import key_of
from workers.tree.bell import make_bell
from workers.tree.channel import Channel, make_channel
from workers.tree.desk import Desk
from workers.tree.estate import Estate, Plan, make_estate
from workers.tree.ledger import Ledger, make_ledger
from workers.tree.messages import Attach, Begin, Detach, Known, Load, Loaded, Release
from workers.tree.pool import TreePool
from workers.tree.predictor import Predictor
from workers.tree.pulse import make_pulse
from workers.tree.served import Served
from workers.tree.stage import Stage
from workers.tree.worker import Worker

PLAN = Plan(slots=32, heap_bytes=2**20, seats=2)
CPU = Device(type="cpu")
STAGE, PREDICTOR = 0, 1
CODE = """
from pathlib import Path
import numpy as np
from workers.oip.tensors import Tensor
ran = Path(__file__).with_name("ran")
def infer(inputs, parameters):
    texts = [text.decode() for text in inputs[0].data.tolist()]
    with ran.open("a") as stream:
        stream.write(",".join(texts) + "\\n")
    if "fail" in texts:
        raise RuntimeError("asked to")
    if "broken" in texts:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    if len(texts) > 2:
        raise RuntimeError("CUDA out of memory")
    scores = np.array([[1 - len(text) / 10, len(text) / 10] for text in texts], np.float32)
    return (Tensor.of("scores", "FP32", scores),)
"""


class Tree:
    """A front's pool, a stage and a predictor in one thread."""

    def __init__(self, folder: Path, batch: int = 8) -> None:
        self.folder = folder
        (folder / "model.py").write_text(CODE)
        self.entry = Entry(
            name="words",
            version="1",
            kind="classification",
            backend="python",
            folder=folder,
            files={"model": folder / "model.py"},
            inputs=(TensorSpec(name="TEXT", datatype="BYTES", shape=(-1,)),),
            outputs=(
                TensorSpec(name="LABEL", datatype="BYTES", shape=(-1,)),
                TensorSpec(name="SCORES", datatype="FP32", shape=(-1, 2)),
                TensorSpec(name="RISK", datatype="FP32", shape=(-1,)),
            ),
            options=ClassificationOptions(classes=["short", "long"], risky=["long"]),
            sample={"TEXT": ["sample"]},
            concurrency=1,
            batching=BatchLimits(max_batch_size=batch),
        )
        self.ledger_file, self.estate = make_ledger(2), make_estate(PLAN)
        self.desk = Desk(Estate(self.estate, PLAN), PLAN)
        self.pool = TreePool(self.desk, Ledger(self.ledger_file, columns=2), CPU, lambda _: None)
        self.channels: dict[int, Channel] = {}
        self.theirs: list[Channel] = []
        self.bells: list[int] = []
        self.pulses: dict[int, int] = {}
        self.stage = Stage(self._worker(STAGE))
        self.worker = self._worker(PREDICTOR)
        self.predictor = Predictor(self.worker, lambda: None)
        self.channels[PREDICTOR].send(Load((0,)))
        self.told: list[Any] = []
        while not any(isinstance(each, Loaded) for each in self.told):
            self.predictor.turn()
            self.told += [message for message, _ in self.channels[PREDICTOR].receive()]
        self.held = self.predictor._held[0]
        self.served = Served(Known(0, 0, self.entry, front=False, prepared=True), CPU)
        self.served.seats = (PREDICTOR,)
        self.pool.serve({key_of(self.entry): self.served}, loaded=True)
        self.pool.stages.add(STAGE)
        (folder / "ran").unlink()

    def _worker(self, seat: int) -> Worker:
        ours, theirs = make_channel()
        bell = make_bell()
        begin = Begin(plan=PLAN, columns=2, column=1, ground=Ground(device=CPU))
        self.pulses[seat] = make_pulse()
        worker = Worker(Channel(theirs), begin, self.ledger_file, bell, self.pulses[seat])
        self.channels[seat] = ours
        self.theirs.append(worker.channel)
        self.desk.seated(seat, os.dup(bell))
        self.bells += [bell, make_bell()]
        ours.send(Known(0, 0, self.entry, front=False, prepared=True))
        ours.send(Attach(0, seat), self.estate, self.bells[-1])
        worker.wait()
        worker.hear(lambda _: None, lambda _: None)
        return worker

    def ask(self, *texts: str, within_s: float = 60.0, rank: int = 0) -> "asyncio.Future[Any]":
        tensor = Tensor.of("TEXT", "BYTES", bytes_array([text.encode() for text in texts]))
        future = self.pool.infer(self.entry, InferRequest(inputs=(tensor,)), monotonic() + within_s, rank)
        self.desk.flush()
        return future

    def prepare(self, turns: int = 1) -> None:
        for _ in range(turns):
            self.stage.turn()
        self.pool.collect()
        self.desk.flush()

    def predict(self) -> None:
        self.predictor.turn()
        while self.predictor.busy:
            self.predictor.turn()
        self.pool.collect()

    def ran(self) -> list[str]:
        path = self.folder / "ran"
        return path.read_text().split() if path.exists() else []

    def at_rest(self) -> bool:
        return self.desk.open == 0 and self.desk.heap.used == 0

    def close(self) -> None:
        for channel in (*self.channels.values(), *self.theirs):
            channel.close()
        for seat in (STAGE, PREDICTOR):
            self.desk.vacated(seat)
        for file in (self.ledger_file, self.estate, *self.bells, *self.pulses.values()):
            os.close(file)


@pytest.fixture
async def tree(tmp_path: Path) -> Any:
    made = Tree(tmp_path)
    yield made
    made.close()


def risk_of(future: "asyncio.Future[Any]") -> list[float]:
    return [round(float(risk), 3) for risk in future.result()[2].data]


async def test_a_request_is_prepared_then_predicted(tree: Tree) -> None:
    """Two processes, one slot."""
    future = tree.ask("abc", "abcdef")
    tree.prepare()
    tree.predict()
    assert risk_of(future) == [0.3, 0.6]
    assert tree.at_rest()
    found = tree.pool.statistics(tree.entry)
    assert (found.inference_count, found.execution_count, list(found.batches)) == (2, 1, [1])


async def test_requests_that_wait_run_together_and_each_gets_its_own(tree: Tree) -> None:
    """Of the device's memory two fit: the batch is halved until they do."""
    futures = [tree.ask("x" * number) for number in range(1, 6)]
    tree.prepare(5)
    tree.predict()
    assert [risk_of(future) for future in futures] == [[0.1], [0.2], [0.3], [0.4], [0.5]]
    assert max(line.count(",") for line in tree.ran()) == 4
    assert tree.at_rest()


async def test_one_that_fails_alone_fails_alone(tree: Tree) -> None:
    """It says why, and the next one is not touched."""
    future = tree.ask("fail")
    tree.prepare()
    tree.predict()
    assert isinstance(future.exception(), ModelFailed)
    future = tree.ask("abc")
    tree.prepare()
    tree.predict()
    assert risk_of(future) == [0.3]


async def test_what_cannot_be_used_is_refused_by_the_stage(tree: Tree) -> None:
    """The predictor never sees it."""
    tensor = Tensor.of("TEXT", "BYTES", bytes_array([b"\xff"]))
    future = tree.pool.infer(tree.entry, InferRequest(inputs=(tensor,)), None)
    tree.desk.flush()
    tree.prepare()
    assert isinstance(future.exception(), BadInput)
    assert tree.at_rest()


async def test_a_stage_does_the_most_critical_first_then_the_most_pressing(tree: Tree) -> None:
    """What waits is not a line but an order."""
    tree.ask("late", rank=1, within_s=5)
    tree.ask("soon", rank=1, within_s=4)
    first = tree.ask("first", rank=0, within_s=50)
    tree.prepare()
    assert tree.desk.at(PREDICTOR) == 1
    tree.predict()
    assert first.done()
    tree.prepare()
    tree.predict()
    assert tree.ran() == ["first", "soon"]


@pytest.mark.parametrize("place", ["stage", "predictor"])
async def test_what_expires_on_its_way_is_never_run_and_its_slot_comes_back(tree: Tree, place: str) -> None:
    """In the stage's line, or in the predictor's."""
    future = tree.ask("dead", within_s=0.05)
    if place == "predictor":
        tree.prepare()
    with pytest.raises(Expired):
        await future
    tree.desk.flush()
    assert not tree.at_rest()
    if place == "stage":
        tree.prepare()
    else:
        tree.predict()
    assert tree.at_rest()
    assert tree.ran() == []


@pytest.mark.parametrize("place", ["stage", "predictor", "batch"])
async def test_each_looks_at_the_clock_itself(
    tree: Tree, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A front that is late with its word must not cost a model's time."""
    future = tree.ask("dead")
    if place != "stage":
        tree.prepare()
    monkeypatch.setattr(f"workers.tree.{place}.monotonic", lambda: monotonic() + 100)
    if place == "stage":
        tree.prepare()
    else:
        tree.predict()
    assert isinstance(future.exception(), Expired)
    assert tree.at_rest()
    assert "dead" not in tree.ran()  # the model may prove itself meanwhile


@pytest.mark.parametrize("place", ["stage", "predictor"])
async def test_whose_caller_left_is_never_run_and_its_slot_comes_back(tree: Tree, place: str) -> None:
    """Nobody would read the answer."""
    future = tree.ask("gone")
    if place == "predictor":
        tree.prepare()
    future.cancel()
    await asyncio.sleep(0)
    tree.desk.flush()
    if place == "stage":
        tree.prepare()
    else:
        tree.predict()
    assert tree.at_rest()
    assert tree.ran() == []


async def test_a_dead_fronts_requests_are_forgotten(tree: Tree) -> None:
    """Those that wait are not run; the worker lives on for the others."""
    tree.ask("orphan")
    tree.prepare()
    tree.channels[PREDICTOR].send(Detach(0))
    tree.predictor.turn()
    assert not tree.predictor.busy
    assert tree.ran() == []


async def test_a_model_that_was_given_back_is_not_ready(tree: Tree) -> None:
    """503 to those who still come."""
    tree.channels[PREDICTOR].send(Release((0,)))
    tree.predictor.turn()
    future = tree.ask("late")
    tree.prepare()
    tree.predict()
    assert isinstance(future.exception(), NotReady)


async def test_a_client_batch_above_the_models_is_refused(tree: Tree) -> None:
    """It would never run: the caller must know, and not try again."""
    future = tree.ask(*("a" for _ in range(9)))
    tree.prepare()
    tree.predict()
    assert isinstance(future.exception(), BadInput)


async def test_a_model_of_an_unknown_number_is_not_ready(tree: Tree) -> None:
    """A stage that has not heard of it says so; it does not die of it."""
    other = Served(Known(7, 7, tree.entry, front=False, prepared=True), CPU)
    other.seats = (PREDICTOR,)
    tree.pool.serve({key_of(tree.entry): other}, loaded=True)
    future = tree.ask("abc")
    tree.prepare()
    assert isinstance(future.exception(), NotReady)

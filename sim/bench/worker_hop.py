"""What a picture costs in the worker's tree beside its inference: `python -m sim.bench.worker_hop`.

A front's part (into a slot, out of a slot) and a predictor's part (rings, batcher, batch, post-processing,
answers) in one process, with a network that takes no time, in microseconds of processor time per picture.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from workers.backends import python
from workers.bench.models import sample_picture, write_model
from workers.device import Device, Ground
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.pool import key_of
from workers.ports import Tensors
from workers.repository import read_repository
from workers.tree.bell import make_bell
from workers.tree.channel import Channel, make_channel
from workers.tree.desk import Desk
from workers.tree.estate import Estate, Plan, make_estate
from workers.tree.ledger import SUCCEEDED_NS, Ledger, make_ledger
from workers.tree.messages import Begin, Known, Load
from workers.tree.pool import TreePool
from workers.tree.predictor import Predictor
from workers.tree.served import Served
from workers.tree.worker import Worker

CLASSES = 1000


class NoTime:
    """A backend that answers at once."""

    def __init__(self, entry: Any) -> None:
        self._scores = np.full((4096, CLASSES), 0.001, np.float32)

    def initialise(self, ground: Ground) -> str:
        return "nowhere"

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        return (Tensor.of("scores", "FP32", self._scores[: len(inputs[0].data)]),)

    def release(self) -> None: ...


class Bench:
    """One front and one predictor that take turns in one thread."""

    def __init__(self, folder: Path, batch: int) -> None:
        write_model(folder, "vit-b16", gpu=True, batch=batch)
        (entry,) = read_repository(folder, device=Device(type="cuda"))
        python.BACKEND = NoTime  # type: ignore[misc, assignment]
        import msgspec  # noqa: PLC0415

        self.entry = msgspec.structs.replace(entry, backend="python")
        plan = Plan(slots=4096, seats=1)
        ledger = make_ledger(2)
        estate = make_estate(plan)
        desk = Desk(Estate(estate, plan), plan)
        bell = make_bell()
        desk.seated(0, bell)
        self.pool = TreePool(desk, Ledger(ledger, columns=2), Device(type="cuda"), lambda _: None)
        begin = Begin(plan=plan, columns=2, column=1, ground=Ground(device=Device(type="cuda")))
        ours, theirs = make_channel()
        worker = Worker(Channel(theirs), begin, ledger, os.dup(bell))
        self._ours = ours
        worker.intake.attach(0, 0, estate, make_bell())
        known = Known(0, 0, self.entry)
        worker.known[0] = known
        self.predictor = Predictor(worker)
        self.predictor._told(Load((0,)))
        while not self.predictor._held:
            self.predictor._take_loaded()
        group = self.predictor._turns.group(0)
        assert group is not None
        group.crew.do = lambda work: work()  # type: ignore[method-assign]
        served = Served(known, Device(type="cuda"))
        served.seat = 0
        worker.ledger.set(0, SUCCEEDED_NS, time.monotonic_ns())
        self.pool.serve({key_of(self.entry): served}, loaded=True)
        raws = [sample_picture(number) for number in range(16)]
        self.requests = [
            InferRequest(inputs=(Tensor.of("IMAGE", "BYTES", bytes_array([raw])),)) for raw in raws
        ]

    async def turn(self, count: int, spent: dict[str, int]) -> None:
        """So many pictures there and back."""

        def timed(name: str, work: Callable[[], Any]) -> Any:
            began = time.process_time_ns()
            made = work()
            spent[name] = spent.get(name, 0) + time.process_time_ns() - began
            return made

        futures = timed(
            "front, there",
            lambda: [
                self.pool.infer(self.entry, self.requests[n % 16], time.monotonic() + 60)
                for n in range(count)
            ],
        )
        predictor = self.predictor
        timed("predictor, in", predictor._take)
        timed("predictor, batches", lambda: self._batches(count))
        timed("predictor, out", lambda: predictor._worker.intake.flush())
        timed("front, back", self.pool.collect)
        assert all(future.done() for future in futures)
        await asyncio.sleep(0)

    def _batches(self, count: int) -> None:
        predictor = self.predictor
        predictor._start()
        while predictor._jobs:
            while not predictor._ended.empty():
                predictor._settle(*predictor._ended.get())
            predictor._start()


async def run(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), arguments.batch)
        await bench.turn(arguments.batch * 2, {})
        gc.collect()
        gc.freeze()  # as the processes do
        spent: dict[str, int] = {}
        profile = cProfile.Profile() if arguments.profile else None
        if profile:
            profile.enable()
        for _ in range(arguments.turns):
            await bench.turn(arguments.batch * 2, spent)
        if profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        pictures = arguments.turns * arguments.batch * 2
        for name, ns in spent.items():
            print(f"{name:20} {ns / pictures / 1000:7.1f} µs a picture")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--profile", action="store_true")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

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
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workers.backends import python
from workers.bench.models import write_model
from workers.bench.picture import sample_picture
from workers.device import Device, Ground
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, RequestedOutput, Tensor
from workers.pool import key_of
from workers.ports import Tensors
from workers.repository import read_repository
from workers.tree.bell import make_bell
from workers.tree.channel import Channel, make_channel
from workers.tree.desk import Desk
from workers.tree.estate import Estate, Plan, make_estate
from workers.tree.ledger import Ledger, make_ledger
from workers.tree.messages import Begin, Known, Load, Loaded
from workers.tree.pool import TreePool
from workers.tree.predictor import Predictor
from workers.tree.served import Served
from workers.tree.worker import Worker

CLASSES = 1000
PICTURES = 16
GPU = Device(type="cuda")


class NoTime:
    """A backend that answers at once."""

    def __init__(self, _: Any) -> None:
        self._scores = np.full((4096, CLASSES), 0.001, np.float32)

    def initialise(self, _: Ground) -> str:
        return "nowhere"

    def infer(self, inputs: Tensors, _: dict[str, Any]) -> Tensors:
        return (Tensor.of("scores", "FP32", self._scores[: len(inputs[0].data)]),)

    def release(self) -> None: ...


class Bench:
    """One front and one predictor that take turns in one thread."""

    def __init__(self, folder: Path, batch: int) -> None:
        write_model(folder, "vit-b16", gpu=True, batch=batch)
        (entry,) = read_repository(folder, device=GPU)
        self._entry = msgspec.structs.replace(entry, backend="python")
        plan = Plan(seats=1)
        ledger, estate, bell = make_ledger(2), make_estate(plan), make_bell()
        desk = Desk(Estate(estate, plan), plan)
        desk.seated(0, os.dup(bell))
        self._pool = TreePool(desk, Ledger(ledger, columns=2), GPU, lambda _: None)
        begin = Begin(plan=plan, columns=2, column=1, ground=Ground(device=GPU))
        ours, theirs = make_channel()
        worker = Worker(Channel(theirs), begin, ledger, bell)
        worker.intake.attach(0, 0, estate, make_bell())
        self._predictor = Predictor(worker, gc.freeze)
        known = Known(0, 0, self._entry)
        ours.send(known)
        ours.send(Load((0,)))
        while not any(isinstance(message, Loaded) for message, _ in ours.receive()):
            self._predictor.turn()
        served = Served(known, GPU)
        served.seat = 0
        self._pool.serve({key_of(self._entry): served}, loaded=True)
        raws = [sample_picture(number) for number in range(PICTURES)]
        self._requests = [
            InferRequest(
                inputs=(Tensor.of("IMAGE", "BYTES", bytes_array([raw])),),
                outputs=(RequestedOutput(name="RISK"),),
            )
            for raw in raws
        ]

    async def turn(self, count: int, spent: dict[str, int]) -> None:
        """So many pictures there and back."""
        began = time.process_time_ns()
        deadline_s = time.monotonic() + 60
        futures = [
            self._pool.infer(self._entry, self._requests[number % PICTURES], deadline_s)
            for number in range(count)
        ]
        await asyncio.sleep(0)
        sent = time.process_time_ns()
        self._predictor.turn()
        while self._predictor.busy:
            self._predictor.turn()
        predicted = time.process_time_ns()
        self._pool.collect()
        ended = time.process_time_ns()
        assert all(future.done() for future in futures)
        for name, ns in (
            ("front, there", sent - began),
            ("predictor", predicted - sent),
            ("front, back", ended - predicted),
        ):
            spent[name] = spent.get(name, 0) + ns


async def run(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    python.BACKEND = NoTime  # type: ignore[assignment]
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

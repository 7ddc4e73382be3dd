"""What a request costs in the worker's tree beside its inference: `python -m sim.bench.worker_hop [--light]`.

A front's part (into a slot, out of a slot) and a predictor's part (rings, batcher, batch, post-processing,
answers) in one process, with a network that takes no time, in microseconds of processor time per request.
Pictures for a GPU that decodes, in batches of `--batch`; with `--light` sixteen numbers for the identity
model of `sim.bench.servers`, each a batch of its own.
"""

import argparse
import asyncio
import cProfile
import gc
import os
import pstats
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from workers.backends import python
from workers.bench.models import sample_picture, write_model
from workers.device import Device, Ground
from workers.entry import Entry
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
from workers.tree.pulse import make_pulse
from workers.tree.served import Served
from workers.tree.worker import Worker

CLASSES = 1000
PICTURES = 16
WARM = 20  # turns
GPU, CPU = Device(type="cuda"), Device(type="cpu")
IDENTITY = Path(__file__).parent / "servers" / "repository"
NUMBERS = np.arange(16, dtype=np.float32).reshape(1, 16)


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

    def __init__(self, entry: Entry, requests: list[InferRequest], device: Device) -> None:
        self._entry = entry
        self._requests = requests
        plan = Plan(seats=1)
        ledger, estate, bell = make_ledger(2), make_estate(plan), make_bell()
        desk = Desk(Estate(estate, plan), plan)
        desk.seated(0, os.dup(bell))
        self._pool = TreePool(desk, Ledger(ledger, columns=2), device, lambda _: None)
        begin = Begin(plan=plan, columns=2, column=1, ground=Ground(device=device))
        ours, theirs = make_channel()
        worker = Worker(Channel(theirs), begin, ledger, bell, make_pulse())
        worker.intake.attach(0, 0, estate, make_bell())
        self._predictor = Predictor(worker, gc.freeze)
        known = Known(0, 0, self._entry)
        ours.send(known)
        ours.send(Load((0,)))
        while not any(isinstance(message, Loaded) for message, _ in ours.receive()):
            self._predictor.turn()
        served = Served(known, device)
        served.seats = (0,)
        self._pool.serve({key_of(self._entry): served}, loaded=True)

    async def turn(self, count: int, spent: dict[str, list[int]]) -> None:
        """So many requests there and back."""
        began = time.process_time_ns()
        deadline_s = time.monotonic() + 60
        futures = [
            self._pool.infer(self._entry, self._requests[number % len(self._requests)], deadline_s)
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
            spent.setdefault(name, []).append(ns)


def pictures(folder: Path, batch: int) -> Bench:
    """A bench for a classifier of pictures on a GPU that takes no time."""
    python.BACKEND = NoTime  # type: ignore[assignment]
    write_model(folder, "vit-b16", gpu=True, batch=batch)
    (entry,) = read_repository(folder, device=GPU)
    requests = [
        InferRequest(
            inputs=(Tensor.of("IMAGE", "BYTES", bytes_array([sample_picture(number)])),),
            outputs=(RequestedOutput(name="RISK"),),
        )
        for number in range(PICTURES)
    ]
    return Bench(msgspec.structs.replace(entry, backend="python"), requests, GPU)


def numbers() -> Bench:
    """A bench for the identity model."""
    (entry,) = read_repository(IDENTITY, ("identity",), CPU)
    return Bench(entry, [InferRequest(inputs=(Tensor.of("INPUT0", "FP32", NUMBERS),))], CPU)


async def run(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        bench = numbers() if arguments.light else pictures(Path(folder), arguments.batch)
        for _ in range(WARM):
            await bench.turn(arguments.batch * 2, {})
        gc.collect()
        gc.freeze()  # as the processes do
        spent: dict[str, list[int]] = {}
        profile = cProfile.Profile() if arguments.profile else None
        if profile:
            profile.enable()
        for _ in range(arguments.turns):
            await bench.turn(arguments.batch * 2, spent)
        if profile:
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)
        for name, turns in spent.items():
            us = statistics.median(turns) / (arguments.batch * 2) / 1000
            print(f"{name:20} {us:7.1f} µs a request, median of {len(turns)} turns")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--light", action="store_true")
    parser.add_argument("--batch", type=int, default=None, help="half of the requests of a turn")
    parser.add_argument("--turns", type=int, default=None)
    parser.add_argument("--profile", action="store_true")
    arguments = parser.parse_args()
    arguments.batch = arguments.batch or (8 if arguments.light else 128)
    arguments.turns = arguments.turns or (1000 if arguments.light else 20)
    asyncio.run(run(arguments))


if __name__ == "__main__":
    main()

"""A front of a model server over real memory; the worker at the other end is the test."""

import os
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from workers.device import Device
from workers.entry import Entry
from workers.oip.tensors import InferRequest, Tensor, TensorSpec
from workers.pool import Key, key_of
from workers.tree.bell import make_bell
from workers.tree.desk import Desk
from workers.tree.estate import Estate, Plan, make_estate
from workers.tree.intake import Intake, Job
from workers.tree.ledger import SUCCEEDED_NS, Ledger, make_ledger
from workers.tree.messages import Asked, Known
from workers.tree.parcel import Parcel
from workers.tree.pool import TreePool
from workers.tree.served import Served
from workers.tree.slot import Answer, Status

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
    """One front, one stage, one predictor; or two predictors and no stage."""

    def __init__(self, predictors: int = 1) -> None:
        columns = 1 + predictors
        self._ledger_file = make_ledger(columns)
        self.front = Ledger(self._ledger_file, columns=columns, column=0)
        self.predictor = Ledger(self._ledger_file, columns=columns, column=columns - 1)
        self.other = Ledger(self._ledger_file, columns=columns, column=1)
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
        served.seats = () if seat is None else (seat,)
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

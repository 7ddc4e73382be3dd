"""One request's way through the tree: into a slot, from seat to seat, and its answer to whoever waits.

It ends once, whatever comes first: an answer, an error, a seat that died. A caller that leaves, or a deadline
that passes, ends the waiting at once; the slot comes back when its seat has let go of it.
"""

import asyncio
import math
from time import monotonic, time_ns

from workers.errors import Expired, NotReady, Overloaded, WorkerError
from workers.oip.datatypes import BadTensor
from workers.ports import Tensors
from workers.tree.desk import Desk
from workers.tree.ledger import FAIL, PENDING, Ledger
from workers.tree.parcel import Parcel, read_parcel
from workers.tree.served import Served
from workers.tree.slot import Answer, Ask, Status, Step
from workers.tree.verdict import error_of

ROOMS_TRIED_MAX = 3  # an answer that grows each time it is computed is not waited for


class Journey:
    """Made for a request that was admitted; `begin` may raise, and then nothing is held."""

    __slots__ = (
        "_arrived_s",
        "_at",
        "_deadline_s",
        "_desk",
        "_input_ns",
        "_ledger",
        "_length",
        "_queue_ns",
        "_rank",
        "_room_at",
        "_rooms",
        "_rows",
        "_seat",
        "_served",
        "_slot",
        "_step",
        "future",
        "timer",
    )

    def __init__(
        self,
        desk: Desk,
        ledger: Ledger,
        served: Served,
        future: "asyncio.Future[Tensors]",
        *,
        deadline_s: float | None,
        rank: int,
        rows: int,
    ) -> None:
        self._desk = desk
        self._ledger = ledger
        self._served = served
        self.future = future
        self._deadline_s = math.inf if deadline_s is None else deadline_s
        self._rank = rank
        self._rows = rows
        self._arrived_s = monotonic()
        self._seat = self._slot = self._at = self._room_at = -1
        self._length = self._rooms = self._queue_ns = self._input_ns = 0
        self._step = Step.INFER
        self.timer: asyncio.TimerHandle | None = None

    def begin(self, parcel: Parcel, stage: int | None, step: Step = Step.INFER) -> None:
        """Send it on its way. Raises Overloaded, TooBig.

        `stage` is where it is prepared, if there; else `step` is what the predictor is to do.
        """
        desk = self._desk
        self._slot = desk.take()
        try:
            self._at = desk.heap.take(parcel.size)
            self._length = parcel.size
            parcel.write(desk.bytes[self._at : self._at + parcel.size])
            if stage is None:
                self._send(self._predictor(), step)
            else:
                self._send(stage, Step.PREPARE)
        except BaseException:
            self._free()
            raise
        self._ledger.add(self._served.known.row, PENDING)
        self._served.open += 1

    def leave(self) -> None:
        """Nobody waits any more."""
        self._desk.cancel(self._seat, self._slot)

    def expire(self) -> None:
        """The deadline has passed."""
        if not self.future.done():
            self._fail(Expired("the deadline passed before the inference ended"))
            self.leave()

    def _predictor(self) -> int | None:
        """The one with the least to do for this front, of those that have the model."""
        seats = self._served.seats
        if len(seats) == 1:
            return seats[0]
        return min(seats, key=self._desk.at, default=None)

    def _send(self, seat: int | None, step: Step, room: int = 0) -> None:
        if seat is None:
            raise NotReady(f"the model '{self._served.known.entry.name}' is not ready")
        desk = self._desk
        room = room or self._served.room(step, self._length)
        self._room_at = desk.heap.take(room)
        self._seat, self._step = seat, step
        ask = Ask(
            generation=desk.generation(self._slot),
            model=self._served.known.number,
            deadline_s=self._deadline_s,
            offset=self._at,
            length=self._length,
            room_at=self._room_at,
            room=desk.heap.room(self._room_at),
            arrived_s=self._arrived_s,
            rank=self._rank,
            step=step,
        )
        desk.send(seat, self._slot, ask, self._back)

    def _back(self, slot: int, answer: Answer | None) -> None:
        """The slot is here again."""
        assert slot == self._slot, "a slot comes back to whoever sent it"
        try:
            if self._goes_on(answer):
                return
        except (WorkerError, BadTensor) as error:
            self._end(error)
        else:
            self._end(None)

    def _goes_on(self, answer: Answer | None) -> bool:
        """Whether it is under way again; False: it has its answer. Raises what its caller gets instead."""
        if answer is None:
            raise NotReady("the process that worked on the request died")
        if self.future.done():
            return False
        if answer.status == Status.ROOM:
            return self._again(answer.written)
        if answer.status not in (Status.OK, Status.DROPPED):
            said = bytes(self._desk.bytes[self._room_at : self._room_at + answer.written])
            raise error_of(answer.status, said.decode(errors="replace"))
        assert answer.status == Status.OK, "it is dropped only if nobody waits"
        self._served.took(self._step, self._length, answer.written)
        self._queue_ns += answer.queue_ns
        self._input_ns += answer.input_ns
        if self._step == Step.PREPARE:
            self._desk.heap.give(self._at)
            self._at, self._length, self._room_at = self._room_at, answer.written, -1
            self._send(self._predictor(), Step.PREDICT)
            return True
        raw = bytes(self._desk.bytes[self._room_at : self._room_at + answer.written])
        self._count(answer)
        self.future.set_result(read_parcel(memoryview(raw))[0])
        return False

    def _again(self, room: int) -> bool:
        """The answer did not fit: ask once more, with room for it."""
        self._rooms += 1
        if self._rooms > ROOMS_TRIED_MAX:
            raise Overloaded("the answer grew each time it was computed")
        self._desk.heap.give(self._room_at)
        self._room_at = -1
        seat = self._seat if self._step == Step.PREPARE else self._predictor()
        self._send(seat, self._step, room)
        return True

    def _end(self, error: Exception | None) -> None:
        if error is not None and not self.future.done():
            self._fail(error)
        self._ledger.add(self._served.known.row, PENDING, -1)
        self._served.open -= 1
        if self.timer is not None:
            self.timer.cancel()
        self._free()

    def _free(self) -> None:
        """Give all memory back."""
        if self._at >= 0:
            self._desk.heap.give(self._at)
        if self._room_at >= 0:
            self._desk.heap.give(self._room_at)
        self._at = self._room_at = -1
        self._desk.give(self._slot)

    def _fail(self, error: Exception) -> None:
        self.future.set_exception(error)
        self.future.exception()  # looked at: where nobody waits any more, nothing is logged
        row = self._served.known.row
        self._ledger.add(row, FAIL)
        self._ledger.add(row, FAIL + 1, int((monotonic() - self._arrived_s) * 1e9))

    def _count(self, answer: Answer) -> None:
        self._ledger.count_success(
            self._served.known.row,
            self._rows,
            (
                int((monotonic() - self._arrived_s) * 1e9),
                self._queue_ns,
                self._input_ns,
                answer.infer_ns,
                answer.output_ns,
            ),
            time_ns() // 1_000_000,
        )

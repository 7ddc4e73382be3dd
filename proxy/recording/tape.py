"""The tape of one process: runs its recorder, hands its lines in now and then, and ends it in time.

Decides when; what a line says is the recorder's. Never waits for who takes the lines: while they cannot be
taken they stay with the recorder, which drops what finds no room.
"""

from collections.abc import Callable
from typing import Protocol

from proxy.ports import Clock, Recording
from proxy.recording.order import Batch, Order
from proxy.recording.recorder import EndpointsOf, Recorder


class Recordable(Protocol):
    """Where requests are taken: the pipeline."""

    recorder: Recording | None


class Cancellable(Protocol):
    """A call-back of the event loop's."""

    def cancel(self) -> None: ...


Alarm = Callable[[float, Callable[[], None]], Cancellable]
"""`call_later` of an event loop."""

HandIn = Callable[[Batch], object]


class Tape:
    """`begin`, then `close`, or `stop`, or the order's own end. One recording at a time."""

    def __init__(
        self, pipeline: Recordable, *, clock: Clock, alarm: Alarm, endpoints_of: EndpointsOf
    ) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._alarm = alarm
        self._endpoints_of = endpoints_of
        self._recorder: Recorder | None = None
        self._flushing: Cancellable | None = None

    def begin(
        self, order: Order, process: int, hand_in: HandIn, may_hand_in: Callable[[], bool] = lambda: True
    ) -> None:
        """Record. `hand_in` gets each batch while `may_hand_in`, and at last the marked one."""
        self.stop()
        self._order = order
        self._hand_in = hand_in
        self._may_hand_in = may_hand_in
        self._recorder = self._pipeline.recorder = Recorder(order, process, self._endpoints_of)
        self._flush()

    def close(self) -> None:
        """Record nothing that arrives from now on; what is under way still ends."""
        if self._recorder is not None:
            self._recorder.close(self._clock.now())

    def stop(self) -> None:
        """End it now; what is under way is not recorded."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._pipeline.recorder = None
        lines, requests = recorder.take()
        self._hand_in(Batch(serial=self._order.serial, lines=lines, requests=requests, last=recorder.sum()))

    def _flush(self) -> None:
        recorder, limits = self._recorder, self._order.limits
        if recorder is None:
            return
        past_s = self._clock.now() - recorder.until_s
        if past_s >= limits.tail_s or (past_s > 0 and not recorder.unfinished):
            self.stop()
            return
        self._flushing = self._alarm(limits.flush_s, self._flush)
        if self._may_hand_in():
            lines, requests = recorder.take()
            if requests:
                self._hand_in(Batch(serial=self._order.serial, lines=lines, requests=requests))


class OwnRecording:
    """`desk.Processes` of a process that serves alone. Its number is 0."""

    def __init__(self, tape: Tape, hand_in: HandIn) -> None:
        self._tape = tape
        self._hand_in = hand_in

    def record(self, order: Order) -> set[int]:
        self._tape.begin(order, 0, self._hand_in)
        return {0}

    def close_recording(self) -> None:
        self._tape.close()

    def forget_recording(self) -> None:
        self._tape.stop()

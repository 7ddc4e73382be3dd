"""Looks on at a world and records it as the proxy records itself: the production recorder in virtual time."""

import math
from typing import TYPE_CHECKING

import msgspec

from proxy.messages import Answer, Reply, Verdict
from proxy.recording.order import Order, RecordingLimits
from proxy.recording.recorder import Recorder
from proxy.recording.rows import Row
from sim.world.watch import Checker

if TYPE_CHECKING:
    from sim.world.trip import Trip
    from sim.world.world import World


class Witness(Checker):
    """`rows`: of each request that the player sent, by its number; `drained`: of tickets sent again.

    `edge_s` is added to each: the proxy's own time, of which a world knows nothing.
    """

    rule = "recording"

    def __init__(self, edge_s: float = 0.0) -> None:
        super().__init__()
        self._edge_ms = edge_s * 1e3
        self.rows: dict[int, Row] = {}
        self.drained: list[Row] = []

    def opened(self, world: "World") -> None:
        self._world = world
        gates = world.pipeline.snapshot.gates
        order = Order(
            serial=1,
            began_s=world.began_s,
            until_s=math.inf,
            epoch_s=0.0,
            limits=RecordingLimits(),
            bodies=None,
        )
        self._recorder = Recorder(
            order, 0, lambda name: gates[name].application.endpoints if name in gates else ()
        )

    def replied(self, trip: "Trip", reply: Reply) -> None:
        self._write(trip, reply)

    def abandoned(self, trip: "Trip") -> None:
        self._write(trip, Reply(verdict=Verdict.ABANDONED, answer=Answer(status=499), labels=trip.labels))

    def _write(self, trip: "Trip", reply: Reply) -> None:
        request = trip.request
        elapsed_s = self._world.loop.now_s - request.arrived_s
        row = self._recorder.row(request, reply, elapsed_s, trip.plan.qos.deadline_s)
        row = msgspec.structs.replace(row, ms=row.ms + self._edge_ms)
        if request.drained:
            self.drained.append(row)
        else:
            self.rows[int(request.id.rpartition("-")[2])] = row

"""A front: a process that accepts callers, holds them, and sends what they ask into the tree.

Started as `python -m workers.tree.front CHANNEL`. It ends when it is told to, after its requests have, and
at once when its supervisor has gone.
"""

import asyncio
import socket
import sys
from typing import Any, Final

import uvloop

from workers.errors import Unusable
from workers.pool import Key, key_of
from workers.regions.region import Drop, Granted, Share
from workers.regions.regions import Regions
from workers.serving import CannotListen, serve_front
from workers.surroundings import bind_to_parent, settle, settle_memory
from workers.tree.bell import hush
from workers.tree.channel import Channel
from workers.tree.desk import Desk
from workers.tree.estate import Estate
from workers.tree.health import Health
from workers.tree.ledger import Ledger
from workers.tree.loading import Loading
from workers.tree.messages import (
    Began,
    Begin,
    Cleared,
    Failed,
    Finish,
    Idle,
    Known,
    Loaded,
    Retire,
    Seated,
    Serving,
    Told,
    Vacated,
)
from workers.tree.pool import TreePool
from workers.tree.pulse import TICK_S, Pulse
from workers.tree.served import Served
from workers.tree.worker import first

TURN_S_MAX: Final = 30.0
"""For one turn of the loop: callers by the thousand, or a model placed here that is too slow for it."""


class Front:
    """One life of a front."""

    def __init__(
        self, channel: Channel, begin: Begin, ledger: int, bell: int, pulse: int, estate: int
    ) -> None:
        self._channel = channel
        self._begin = begin
        self._bell = bell
        self._pulse = Pulse(pulse)
        self._pulse.allow(TURN_S_MAX)
        self._desk = Desk(Estate(estate, begin.plan), begin.plan)
        counts = Ledger(ledger, columns=begin.columns, column=begin.column)
        self._counts = counts
        self._pool = TreePool(self._desk, counts, begin.ground.device, channel.send)
        self._regions = Regions(begin.options.regions, channel.send)
        self._known: dict[int, Served] = {}
        self._retiring: dict[int, list[Served]] = {}
        self._loading = Loading(begin.ground, bell)
        self._stop = asyncio.Event()
        self._told = asyncio.Event()  # what there is, so that no caller is told that it is not

    async def live(self) -> int:
        """Serve until the end; the exit status."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._channel.fileno(), self._hear)
        loop.add_reader(self._bell, self._rung)
        self._beat(loop)
        begin = self._begin
        grpc = (begin.grpc_host, begin.grpc_port) if begin.grpc_host else None
        await self._told.wait()
        try:
            await serve_front(
                self._pool,
                self._regions,
                begin.options,
                self._counts,
                listen=(begin.host, begin.port),
                grpc=grpc,
                stop=self._stop,
                began=self._began,
            )
        except CannotListen as error:
            self._channel.send(Failed(-1, str(error)))
            return 1
        finally:
            self._channel.flush()
        return 0

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop comes round: whatever holds it up holds this up too."""
        self._pulse.beat()
        loop.call_later(TICK_S, self._beat, loop)

    def _began(self) -> None:
        settle_memory()
        self._channel.send(Began())

    def _rung(self) -> None:
        hush(self._bell)
        self._pool.collect()
        for number, model, line in self._loading.take():
            self._pulse.load(loading=self._loading.busy)
            if isinstance(model, Unusable):
                self._channel.send(Failed(number, str(model)))
                continue
            served = self._known[number]
            served.model = model
            served.health = Health(0.0)
            self._channel.send(Loaded(number, line))
        self._tell_idle()

    def _hear(self) -> None:
        for message, descriptors in self._channel.receive():
            self._take(message, descriptors)
        if self._channel.gone:
            self._stop.set()
            self._told.set()
        self._channel.flush()

    def _take(self, message: Any, descriptors: list[int]) -> None:
        match message:
            case Known():
                self._know(message)
            case Seated(seat, stage):
                self._desk.seated(seat, *descriptors)
                if stage:
                    self._pool.stages.add(seat)
            case Vacated(seat):
                self._vacate(seat)
            case Serving(seats, loaded):
                self._serve(seats, loaded=loaded)
                self._told.set()
            case Retire(seat):
                self._retiring[seat] = [each for each in self._known.values() if seat in each.seats]
                self._tell_idle()
            case Told(serial, words):
                self._pool.told(serial, words)
            case Share() | Drop() | Granted():
                self._regions.take(message, descriptors)
            case Finish():
                self._stop.set()

    def _know(self, known: Known) -> None:
        self._known[known.number] = Served(known, self._begin.ground.device)
        if known.front:
            self._pulse.load(loading=True)
            self._loading.begin(known.number, known.entry)

    def _vacate(self, seat: int) -> None:
        """Nothing is sent there any more from this moment on, and what was there is answered."""
        self._pool.stages.discard(seat)
        for served in self._known.values():
            served.seats = tuple(each for each in served.seats if each != seat)
        self._desk.vacated(seat)
        self._pool.flush_soon()
        self._retiring.pop(seat, None)
        self._channel.send(Cleared(seat))

    def _serve(self, seats: dict[int, tuple[int, ...]], *, loaded: bool) -> None:
        found: dict[Key, Served] = {}
        for number, places in seats.items():
            served = self._known[number]
            served.seats = places
            found[key_of(served.known.entry)] = served
        self._pool.serve(found, loaded=loaded)

    def _tell_idle(self) -> None:
        """Of seats that are given up: whether nothing of this front will come there any more."""
        for seat, all_served in tuple(self._retiring.items()):
            if not self._desk.at(seat) and not any(served.open for served in all_served):
                del self._retiring[seat]
                self._channel.send(Idle(seat))


async def _main(channel: Channel) -> int:
    begin, descriptors = first(channel)
    return await Front(channel, begin, *descriptors).live()


def main() -> None:
    """Run one front to its end."""
    bind_to_parent()
    settle()
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(_main(channel)))


if __name__ == "__main__":
    main()

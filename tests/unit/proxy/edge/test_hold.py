"""Large bodies, of all connections together."""

import pytest

from proxy.edge.connection import Connection
from proxy.edge.hold import COUNTED_BYTES_MIN, Hold
from proxy.edge.limits import EdgeLimits
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.transport import RecordingTransport
from tests.unit.proxy.edge.callers import ManualService, chunked, post

LARGE = bytes(COUNTED_BYTES_MIN + 1)


class Bench:
    """Two callers' connections with one hold."""

    def __init__(self, bytes_max: int = len(LARGE)) -> None:
        self.hold = Hold(bytes_max)
        self.service = ManualService()
        self.transports = [RecordingTransport(), RecordingTransport()]
        self.callers = [self._caller(transport) for transport in self.transports]

    def _caller(self, transport: RecordingTransport) -> Connection:
        caller = Connection(
            service=self.service,  # type: ignore[arg-type]
            limits=EdgeLimits(head_bytes_max=1 << 20),
            clock=ManualClock(),
            connections=set(),
            hold=self.hold,
        )
        caller.connection_made(transport)
        return caller


@pytest.mark.parametrize("framed", [post, chunked])
@pytest.mark.parametrize("cut", [100, 70_000])
def test_bodies_that_cannot_be_kept_are_refused_and_answered_ones_give_their_bytes_back(framed, cut) -> None:
    """A proxy that runs out of memory loses all requests; one that says 503 loses none."""
    bench = Bench()
    one, other = bench.callers
    for caller in (one, other):
        data = framed(LARGE)
        caller.data_received(data[:cut])
        caller.data_received(data[cut:])
    assert len(bench.service.servings) == 1
    assert bench.hold.bytes == len(LARGE)
    assert bytes(bench.transports[1].written).startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in bytes(bench.transports[1].written)
    bench.service.servings[0].answer()
    assert bench.hold.bytes == 0


def test_a_caller_that_leaves_gives_its_bytes_back() -> None:
    """While it sends, and while it waits."""
    bench = Bench(3 * len(LARGE))
    one, other = bench.callers
    one.data_received(post(LARGE))
    other.data_received(post(LARGE + b"more")[:-1])
    assert bench.hold.bytes == 2 * len(LARGE) + 3
    one.connection_lost(None)
    other.connection_lost(None)
    assert bench.hold.bytes == 0


def test_small_bodies_are_not_counted() -> None:
    """There are many of them, and counting costs."""
    bench = Bench(0)
    bench.callers[0].data_received(post(LARGE[:-1]))
    assert len(bench.service.servings) == 1
    assert bench.hold.bytes == 0


def test_bytes_given_back_twice_are_a_bug() -> None:
    """The count would drift, and one day refuse everything, or nothing."""
    hold = Hold(10)
    assert hold.take(4)
    hold.give_back(4)
    with pytest.raises(AssertionError, match="twice"):
        hold.give_back(1)

"""What arrived in one turn, handled together."""

from collections.abc import Callable

from proxy.batch import TOGETHER_MAX, Batch
from proxy.edge.connection import Connection
from proxy.edge.limits import EdgeLimits
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.transport import RecordingTransport
from tests.unit.proxy.edge.callers import ManualService, post


class Recording:
    """`Receiving` that keeps what it was given, or breaks."""

    def __init__(self, seen: list[bytes], *, breaks: bool = False) -> None:
        self.seen = seen
        self.breaks = breaks
        self.closed = False

    def receive(self, data: bytes) -> None:
        if self.breaks:
            raise ZeroDivisionError
        self.seen.append(data)

    def close(self) -> None:
        self.closed = True


class Bench:
    """A batch whose turn of the loop comes when the test says so."""

    def __init__(self) -> None:
        self.turns: list[Callable[[], None]] = []
        self.errors: list[Exception] = []
        self.batch = Batch(self.turns.append, self.errors.append)

    def caller(self, service: ManualService, transport: RecordingTransport) -> Connection:
        """A caller's connection that is handled in this batch."""
        made = Connection(
            service=service,  # type: ignore[arg-type]
            limits=EdgeLimits(),
            clock=ManualClock(),
            connections=set(),
            batch=self.batch,
        )
        made.connection_made(transport)
        return made

    def turn(self) -> None:
        turns, self.turns[:] = list(self.turns), []
        for each in turns:
            each()


def test_bytes_wait_for_the_end_of_the_turn_and_keep_their_order() -> None:
    """A connection's own bytes, and those of all: who came first is served first."""
    bench, seen = Bench(), list[bytes]()
    one, other = Recording(seen), Recording(seen)
    bench.batch.add(one, b"a")
    bench.batch.add(other, b"b")
    bench.batch.add(one, b"c")
    assert seen == []
    assert len(bench.turns) == 1, "one call-back for all"
    bench.turn()
    assert seen == [b"a", b"b", b"c"]
    bench.batch.add(one, b"d")
    bench.turn()
    assert seen[-1] == b"d"


def test_so_many_are_handled_at_once_at_the_latest() -> None:
    """What is held must be bounded, however many connections are ready."""
    bench, seen = Bench(), list[bytes]()
    one = Recording(seen)
    for _ in range(TOGETHER_MAX):
        bench.batch.add(one, b"a")
    assert len(seen) == TOGETHER_MAX
    bench.turn()
    assert len(seen) == TOGETHER_MAX, "nothing is handled twice"


def test_a_connection_with_a_bug_is_closed_and_those_behind_it_are_handled() -> None:
    """One request's bug must not cost the others their answers."""
    bench, seen = Bench(), list[bytes]()
    broken, sound = Recording(seen, breaks=True), Recording(seen)
    bench.batch.add(broken, b"a")
    bench.batch.add(sound, b"b")
    bench.turn()
    assert seen == [b"b"]
    assert broken.closed
    assert not sound.closed
    assert [type(error) for error in bench.errors] == [ZeroDivisionError]


def test_what_a_caller_sent_before_it_left_is_handled_before_it_has_left() -> None:
    """Its end arrives in the same turn as its request: a request that needs no model server is answered."""
    bench, service, transport = Bench(), ManualService(), RecordingTransport()
    service.at_once = True
    caller = bench.caller(service, transport)
    caller.data_received(post(b"hello"))
    assert caller.eof_received(), "the transport must not close before its turn"
    assert not transport.is_closing()
    bench.turn()
    assert b"hello" in bytes(transport.written)
    assert transport.closed
    assert not bench.errors


def test_bytes_for_a_connection_that_was_lost_meanwhile_are_nothing() -> None:
    """There is nobody to answer."""
    bench, service, transport = Bench(), ManualService(), RecordingTransport()
    caller = bench.caller(service, transport)
    caller.data_received(post(b"hello"))
    caller.connection_lost(None)
    bench.turn()
    assert service.servings == []

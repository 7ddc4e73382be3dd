"""I5: broken on purpose."""

from collections.abc import Callable
from typing import Any

import pytest

from proxy.messages import Answer, Fallback, Reply, Request
from proxy.offline.memory import MemoryStore
from proxy.tickets import Accepted, Claim, Envelope, Put, TicketStatus
from sim.world.checkers.conservation import Conservation
from sim.world.plan import FaultKind, QueuePlan
from sim.world.world import World
from tests.stand_ins.world import FIRST, SECOND, fault, server, stream, world_plan

DOWN = {"from_s": 0.0, "until_s": 1.0}
PARKED = world_plan(
    stream(rate=50.0, fallback=Fallback.QUEUE),
    stream(rate=20.0, labels=("8",), fallback=Fallback.NONE),
    stream(rate=20.0, labels=("8",), until_s=3.0, patience_s=0.004),
    stream(rate=20.0, labels=("9",)),
    servers=(
        server(FIRST, fault(FaultKind.REFUSING, **DOWN)),
        server(SECOND, fault(FaultKind.RESETTING, **DOWN)),
    ),
    queue=QueuePlan(commit_s=0.01, broken=((0.4, 0.5),)),
)


def rules_broken(world: World) -> set[str]:
    """By their names."""
    return {each.rule for each in world.run()}


def a_world() -> World:
    """With tickets, refusals, callers who leave, and requests that no row matches."""
    return World(PARKED, 1, (Conservation(),))


def test_books_that_are_right_are_left_alone() -> None:
    """All kinds of ends occur, and every ticket is served in the end."""
    world = a_world()
    assert not world.run()
    verdicts = {verdict for _, _, verdict in world.meters.requests}
    assert verdicts >= {"served", "parked", "exhausted", "unroutable", "abandoned"}
    assert world.queue.pending() == 0


def test_a_second_reply_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """One end each."""
    world = a_world()
    take = world.pipeline.take

    def twice(request: Request, done: Callable[[Reply], None]) -> Any:
        def both(reply: Reply) -> None:
            done(reply)
            if not request.drained:
                done(reply)

        return take(request, both)

    monkeypatch.setattr(world.pipeline, "take", twice)
    assert "I5 conservation" in rules_broken(world)


def test_a_ticket_told_before_it_is_durable_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash in between would lose it."""
    world = a_world()
    put, told = world.queue.put, list[str]()

    def early(envelope: Envelope) -> Any:
        told.append(f"{len(told) + 1:032x}")
        put(envelope)
        future = world.loop.create_future()
        future.set_result(Accepted(ticket=told[-1], fresh=True))
        return future

    monkeypatch.setattr(world.queue, "put", early)
    assert "I5 conservation" in rules_broken(world)


class LosingStore(MemoryStore):
    """Loses a ticket out of five, after it has said that it has them."""

    def put(self, envelope: Envelope) -> Put:
        put = super().put(envelope)
        if isinstance(put, Accepted) and self._seq % 5 == 0:
            self._forget(self._records[put.ticket])
        return put


class TwiceStore(MemoryStore):
    """Forgets that a ticket has ended, so that it is served again."""

    def complete(self, claim: Claim, answer: Answer) -> bool:
        held = super().complete(claim, answer)
        record = self._records[claim.ticket]
        if held and record.seq == 3 and record.ticket.tries < 9:
            record.envelope = claim.envelope
            self._become(record, TicketStatus.QUEUED, due_s=self._clock.wall())
        return held


class SilentStore(MemoryStore):
    """Ends a ticket of its own accord."""

    def put(self, envelope: Envelope) -> Put:
        put = super().put(envelope)
        if isinstance(put, Accepted) and self._seq == 2:
            self.cancel(put.ticket)
        return put


@pytest.mark.parametrize("store", [LosingStore, TwiceStore, SilentStore])
def test_a_store_that_loses_repeats_or_ends_tickets_is_seen(store: type[MemoryStore]) -> None:
    """Whatever the store says of itself."""
    world = a_world()
    honest = world.queue.store
    assert isinstance(honest, MemoryStore)
    world.queue.store = store(clock=honest._clock, limits=honest._limits, new_id=honest._new_id)
    assert "I5 conservation" in rules_broken(world)


def test_meters_that_miss_a_request_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What operators read must add up too."""
    world = a_world()
    settle = type(world.meters).settle

    def forgetful(meters: Any, reply: Reply, elapsed_s: float) -> None:
        if reply.verdict != "abandoned":
            settle(meters, reply, elapsed_s)

    monkeypatch.setattr(type(world.meters), "settle", forgetful)
    assert "I5 conservation" in rules_broken(world)

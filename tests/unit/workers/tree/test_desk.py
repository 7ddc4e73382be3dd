"""Slots between a front and its workers: whatever the order of events, each request is settled once."""

import math
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from workers.errors import Overloaded
from workers.tree.bell import make_bell
from workers.tree.desk import Desk
from workers.tree.estate import Estate, Plan, make_estate
from workers.tree.intake import Intake, Job
from workers.tree.slot import Answer, Ask, Status

PLAN = Plan(slots=4, heap_bytes=2**16, seats=2)


def ask_of(desk: Desk, slot: int, at: int, **more: float) -> Ask:
    return Ask(
        generation=desk.generation(slot),
        model=1,
        deadline_s=more.get("deadline_s", math.inf),
        offset=at,
        length=8,
        room_at=at,
        room=8,
        arrived_s=0.0,
        rank=0,
        step=0,
    )


class Traffic(RuleBasedStateMachine):
    """One front, two seats whose workers die and come back, callers who leave."""

    def __init__(self) -> None:
        super().__init__()
        self.file = make_estate(PLAN)
        self.desk = Desk(Estate(self.file, PLAN), PLAN)
        self.intakes: dict[int, Intake] = {}
        self.jobs: dict[int, list[Job]] = {}
        self.sent = 0
        self.open: dict[int, tuple[int, int, int]] = {}  # slot → token, block, seat
        self.settled: dict[int, bool] = {}  # token → whether it was done, not lost
        for seat in (0, 1):
            self.sit(seat)

    def sit(self, seat: int) -> None:
        self.desk.seated(seat, make_bell())
        self.intakes[seat] = Intake(PLAN, lambda: 0.0)
        self.intakes[seat].attach(0, seat, os.dup(self.file), make_bell())
        self.jobs[seat] = []

    def back(self, slot: int, answer: Answer | None) -> None:
        token, block, _ = self.open.pop(slot)
        assert token not in self.settled
        self.settled[token] = answer is not None
        if answer is not None and answer.status == Status.OK:
            echoed = int.from_bytes(self.desk.bytes[block : block + 8], "little")
            assert echoed == token + 1, "another request's answer"
        self.desk.heap.give(block)
        self.desk.give(slot)

    @rule(seat=st.integers(0, 1))
    def send(self, seat: int) -> None:
        try:
            slot = self.desk.take()
        except Overloaded:
            assert len(self.open) == PLAN.slots
            return
        assert slot not in self.open
        block = self.desk.heap.take(8)
        self.desk.bytes[block : block + 8] = self.sent.to_bytes(8, "little")
        self.open[slot] = self.sent, block, seat
        self.sent += 1
        self.desk.send(seat, slot, ask_of(self.desk, slot, block), self.back)
        self.desk.flush()

    @rule(seat=st.integers(0, 1))
    def work_arrives(self, seat: int) -> None:
        new, left = self.intakes[seat].take()
        self.jobs[seat] += new
        for job in left:
            if job in self.jobs[seat]:
                self.jobs[seat].remove(job)
                self.intakes[seat].answer(job, Answer(Status.DROPPED))

    @precondition(lambda self: any(self.jobs.values()))
    @rule(data=st.data())
    def work_is_done(self, data: st.DataObject) -> None:
        seat = data.draw(st.sampled_from([seat for seat, jobs in self.jobs.items() if jobs]))
        job = self.jobs[seat].pop(data.draw(st.integers(0, len(self.jobs[seat]) - 1)))
        token = int.from_bytes(job.asked, "little")
        job.room[:8] = (token + 1).to_bytes(8, "little")
        self.intakes[seat].answer(job, Answer(Status.OK, written=8))
        self.intakes[seat].flush()

    @precondition(lambda self: bool(self.open))
    @rule(data=st.data())
    def a_caller_leaves(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(sorted(self.open)))
        if not getattr(self, "left", None):
            self.left: set[int] = set()
        token, _, seat = self.open[slot]
        if token not in self.left:  # a caller leaves once
            self.left.add(token)
            self.desk.cancel(seat, slot)

    @rule()
    def answers_arrive(self) -> None:
        self.desk.collect()

    @rule(seat=st.integers(0, 1))
    def a_worker_dies(self, seat: int) -> None:
        there = {slot for slot, (_, _, at) in self.open.items() if at == seat}
        self.desk.vacated(seat)
        assert not there & set(self.open), "somebody still waits for a dead worker"
        self.intakes[seat].detach(0)
        self.sit(seat)

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.settled) + len(self.open) == self.sent
        assert self.desk.open == len(self.open)
        assert self.desk.heap.used == 1024 * len(self.open)

    def teardown(self) -> None:
        for seat in (0, 1):
            self.desk.vacated(seat)
            self.intakes[seat].detach(0)
        assert not self.open
        os.close(self.file)


TestTraffic = Traffic.TestCase
TestTraffic.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@pytest.fixture
def pair() -> Iterator[tuple[Desk, Intake, list[Answer | None]]]:
    """A front and one worker at seat 0."""
    file = make_estate(PLAN)
    desk = Desk(Estate(file, PLAN), PLAN)
    desk.seated(0, make_bell())
    intake = Intake(PLAN, lambda: 0.0)
    intake.attach(0, 0, file, make_bell())
    yield desk, intake, []
    desk.vacated(0)
    intake.detach(0)


def test_a_late_answer_of_an_earlier_use_changes_nothing(
    pair: tuple[Desk, Intake, list[Answer | None]],
) -> None:
    """The generation tells: a worker that gave a slot back twice would answer another's request."""
    desk, intake, got = pair
    slot = desk.take()
    desk.send(0, slot, ask_of(desk, slot, desk.heap.take(8)), lambda _, answer: got.append(answer))
    ((job,), _) = intake.take()
    intake.answer(job, Answer(Status.OK))
    desk.collect()
    desk.give(slot)
    assert desk.take() == slot
    desk.send(0, slot, ask_of(desk, slot, desk.heap.take(8)), lambda _, answer: got.append(answer))
    job.front.jobs[slot] = job  # the bug that the generation is there for
    intake.answer(job, Answer(Status.OK))
    assert desk.collect() == 0
    assert len(got) == 1


def test_what_is_unwanted_is_known_from_the_slot(pair: tuple[Desk, Intake, list[Answer | None]]) -> None:
    """Each stage looks, without asking anybody."""
    desk, intake, _ = pair
    slot = desk.take()
    desk.send(0, slot, ask_of(desk, slot, desk.heap.take(8), deadline_s=5.0), lambda _, __: None)
    ((job,), _) = intake.take()
    assert job.unwanted(4.9) is None
    assert job.unwanted(5.0) == Status.EXPIRED
    desk.cancel(0, slot)
    assert job.unwanted(4.9) == Status.DROPPED


def test_a_front_that_died_is_answered_nothing(pair: tuple[Desk, Intake, list[Answer | None]]) -> None:
    """Its memory may be read to the end of a batch, and is written by nobody who minds."""
    desk, intake, got = pair
    slot = desk.take()
    desk.send(0, slot, ask_of(desk, slot, desk.heap.take(8)), lambda _, answer: got.append(answer))
    ((job,), _) = intake.take()
    assert intake.detach(0) == [job]
    intake.answer(job, Answer(Status.OK))
    intake.flush()
    assert desk.collect() == 0

"""A worker's end of all fronts' rings: jobs in, answers out. It decides what is not worth doing any more.

A front that has died takes its jobs with it: they are forgotten, and what is written into its memory
after that reaches nobody.
"""

import os
from collections.abc import Callable

from workers.tree.bell import ring
from workers.tree.estate import Estate, Plan
from workers.tree.slot import (
    Answer,
    Ask,
    Note,
    Status,
    cancelled,
    pack,
    read_ask,
    unpack,
    write_answer,
)


class Job:
    """A slot that is here."""

    __slots__ = ("ask", "front", "handle", "slot", "taken_s")

    def __init__(self, handle: int, front: "Front", slot: int, ask: Ask, taken_s: float) -> None:
        self.handle = handle  # unique in this process
        self.front = front
        self.slot = slot
        self.ask = ask
        self.taken_s = taken_s

    @property
    def asked(self) -> memoryview:
        """What is asked, in shared memory."""
        start = self.ask.offset
        return self.front.estate.heap[start : start + self.ask.length]

    @property
    def room(self) -> memoryview:
        """Where the answer goes."""
        start = self.ask.room_at
        return self.front.estate.heap[start : start + self.ask.room]

    def unwanted(self, now_s: float) -> Status | None:
        """Why nobody would read an answer, if so."""
        if cancelled(self.front.estate.memory, self.slot):
            return Status.DROPPED
        if now_s >= self.ask.deadline_s:
            return Status.EXPIRED
        return None


class Front:
    """One front, as a worker sees it."""

    def __init__(self, bell: int, estate: Estate, seat: int) -> None:
        self.bell = bell
        self.estate = estate
        self.to_here, self.back = estate.rings(seat)
        self.jobs: dict[int, Job] = {}  # by slot
        self.alive = True


class Intake:
    """All fronts. One thread's."""

    def __init__(self, plan: Plan, clock: Callable[[], float]) -> None:
        self._plan = plan
        self._clock = clock
        self._fronts: dict[int, Front] = {}
        self._handles = 0
        self._unrung: set[int] = set()

    def attach(self, number: int, seat: int, estate: int, bell: int) -> None:
        """A front sends to this worker from now on; both descriptors are the intake's."""
        self._fronts[number] = Front(bell, Estate(estate, self._plan), seat)
        os.close(estate)  # the mapping holds it

    def detach(self, number: int) -> list[Job]:
        """That front has died: its jobs, which nobody waits for."""
        front = self._fronts.pop(number, None)
        if front is None:
            return []
        front.alive = False
        self._unrung.discard(front.bell)
        os.close(front.bell)
        jobs, front.jobs = list(front.jobs.values()), {}  # no cycle keeps its memory mapped
        return jobs

    def take(self) -> tuple[list[Job], list[Job]]:
        """All new jobs, and those at hand whose callers left."""
        new: list[Job] = []
        left: list[Job] = []
        now_s = self._clock()
        for front in self._fronts.values():
            for message in front.to_here.pop_all():
                note, slot, _ = unpack(message)
                if note == Note.JOB:
                    ask = read_ask(front.estate.memory, slot)
                    self._handles += 1
                    job = front.jobs[slot] = Job(self._handles, front, slot, ask, now_s)
                    new.append(job)
                elif known := front.jobs.get(slot):  # else it has been given back already
                    left.append(known)
        return new, left

    def answer(self, job: Job, answer: Answer) -> None:
        """Give a slot back; `flush` wakes its front."""
        front = job.front
        if not front.alive:
            return
        assert front.jobs.pop(job.slot, None) is job, "a slot is given back once"
        write_answer(front.estate.memory, job.slot, answer)
        front.back.push(pack(Note.DONE, job.slot, job.ask.generation))
        self._unrung.add(front.bell)

    def flush(self) -> None:
        """Wake whom something was answered to."""
        for bell in self._unrung:
            ring(bell)
        self._unrung.clear()


def words(job: Job, status: Status, said: str) -> Answer:
    """An answer of words, written into the job's room, cut to what fits."""
    raw = said.encode()[: job.ask.room]
    job.room[: len(raw)] = raw
    return Answer(status=status, written=len(raw))

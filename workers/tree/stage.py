"""A stage: a process that decodes and pre-processes, one request at a time, the most critical first.

It holds no model and no state: whatever it was doing when it died, another stage can do again.
"""

import heapq
from time import monotonic, perf_counter_ns

from workers.kinds import load_kind
from workers.model import prepared
from workers.ports import Kind
from workers.tree.form import prepared_parcel, read_request
from workers.tree.intake import Job, words
from workers.tree.pulse import TICK_S
from workers.tree.slot import Answer, Status
from workers.tree.verdict import status_of
from workers.tree.worker import Worker, open_worker


class Stage:
    """One life of a stage."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._kinds: dict[int, Kind] = {}
        self._waiting: list[tuple[int, float, int, Job]] = []  # by criticality, deadline, arrival

    def live(self) -> None:
        """Work until the end."""
        while not self._worker.ended:
            self.turn()

    def turn(self) -> None:
        """Wait until there is something to do, and do the foremost."""
        if self._worker.wait(0 if self._waiting else TICK_S):
            self._hear()
        self._take()
        if self._waiting:
            self._work(heapq.heappop(self._waiting)[-1])
        self._worker.intake.flush()

    def _hear(self) -> None:
        self._worker.hear(lambda _: None, lambda _: None)

    def _take(self) -> None:
        new, left = self._worker.intake.take()
        for job in new:
            heapq.heappush(self._waiting, (job.ask.rank, job.ask.deadline_s, job.handle, job))
        if left:
            gone = {job.handle for job in left}
            self._waiting = [each for each in self._waiting if each[2] not in gone]
            heapq.heapify(self._waiting)
            for job in left:
                self._worker.intake.answer(job, Answer(Status.DROPPED))

    def _work(self, job: Job) -> None:
        if not job.front.alive:
            return
        unwanted = job.unwanted(monotonic())
        answer = self._prepare(job) if unwanted is None else Answer(unwanted)
        self._worker.intake.answer(job, answer)

    def _prepare(self, job: Job) -> Answer:
        kind = self._kind(job.ask.model)
        if kind is None:
            return words(job, Status.NOT_READY, "the model is not known here")
        began_ns = perf_counter_ns()
        queue_ns = max(0, int((monotonic() - job.taken_s) * 1e9))
        request = read_request(job.asked)
        made = prepared(self._worker.known[job.ask.model].entry, kind, request, checked=True)
        if isinstance(made, Exception):
            return words(job, status_of(made), str(made))
        parcel = prepared_parcel(made, request)
        fits = parcel.size <= job.ask.room
        if fits:
            parcel.write(job.room)
        return Answer(
            status=Status.OK if fits else Status.ROOM,
            written=parcel.size,
            queue_ns=queue_ns,
            input_ns=perf_counter_ns() - began_ns,
        )

    def _kind(self, number: int) -> Kind | None:
        if number not in self._kinds:
            if number not in self._worker.known:
                self._hear()  # it was sent before the fronts were told to ask
            known = self._worker.known.get(number)
            if known is None:
                return None
            self._kinds[number] = load_kind(known.entry.kind)(known.entry)
        return self._kinds[number]


def main() -> None:
    """Run one stage to its end."""
    Stage(open_worker()).live()


if __name__ == "__main__":
    main()

"""The predictor: the process that holds the models of one device, and predicts in batches.

Its first thread does the books (rings, batchers, answers); a crew waits for the device, so that the next
batch is collected while one runs. An error that the device does not recover from ends the process, and so
does a batch that takes too long; its supervisor starts another.
"""

import os
import queue
import sys
from collections.abc import Callable
from functools import partial
from time import monotonic

from workers.batching.device import Turn
from workers.errors import Unusable
from workers.model import Model
from workers.surroundings import settle_memory
from workers.tree.batch import Ended, prove, run, run_alone
from workers.tree.bell import ring
from workers.tree.health import Health
from workers.tree.intake import Job, words
from workers.tree.ledger import FAILED, SUCCEEDED_NS
from workers.tree.light import Light
from workers.tree.loading import Loading
from workers.tree.measure import item_of
from workers.tree.messages import Failed, Load, Loaded, Release
from workers.tree.pace import Pace
from workers.tree.pulse import TICK_S
from workers.tree.running import Running
from workers.tree.slot import Answer, Status, Step
from workers.tree.turns import Group, Ran, Turns
from workers.tree.worker import Worker, open_worker

DEVICE_BROKEN = 3
"""The exit status after an error that the device does not recover from."""

AT_ONCE_MAX = 16
"""Batches that run in the first thread before it looks at its rings and wakes whom it answered."""

REFUSALS = {"full": Status.OVERLOADED, "too-large": Status.BAD_INPUT, "hopeless": Status.EXPIRED}


class Held:
    """A model here."""

    def __init__(self, model: Model, row: int, now_s: float) -> None:
        self.model = model
        self.row = row  # in the ledger
        self.health = Health(now_s)
        self.pace = Pace()
        self.single = model.entry.batching.max_batch_size == 1
        self.running = 0  # batches
        self.leaves = False


class Predictor:
    """One life of a predictor. `settle` is called when something was loaded."""

    def __init__(self, worker: Worker, settle: Callable[[], None]) -> None:
        self._worker = worker
        self._settle_process = settle
        self._ledger = worker.ledger
        self._turns = Turns(worker.begin.ground.device)
        self._held: dict[int, Held] = {}
        self._jobs: dict[int, Job] = {}  # by handle: what waits or runs, but for what is light
        self._light = Light()
        self._ended: queue.SimpleQueue[tuple[Held, Group, Turn[int], Ended]] = queue.SimpleQueue()
        self._proved: queue.SimpleQueue[tuple[Held, bool]] = queue.SimpleQueue()
        self._running = Running()
        self._looked_s = 0.0
        self._loading = Loading(worker.begin.ground, worker.bell)
        self._broken = ""

    def live(self) -> int:
        """Work until the end; the exit status."""
        while not self._worker.ended and not self._broken:
            self.turn()
        self._worker.channel.flush()
        if self._broken:
            print(f"penstock worker: the predictor ends: {self._broken}", file=sys.stderr, flush=True)  # noqa: T201
            return DEVICE_BROKEN
        return 0

    @property
    def busy(self) -> bool:
        """Whether something waits or runs here, or proves itself."""
        return bool(self._jobs or self._light) or any(held.health.proving for held in self._held.values())

    def turn(self) -> None:
        """Wait until there is something to do, and do all of it."""
        worker, now_s = self._worker, monotonic()
        if now_s - self._looked_s >= TICK_S:
            self._look(now_s)
        due_s = now_s if self._light else self._turns.due_s(now_s)
        if worker.wait(TICK_S if due_s is None else max(0.0, due_s - now_s)):
            worker.hear(self._told, self._lost)
        self._take_loaded()
        while not self._ended.empty():
            self._settle(*self._ended.get())
        self._take()
        self._run_light()
        self._start()
        self._prove()
        worker.intake.flush()

    # -- models -------------------------------------------------------------------------------------

    def _told(self, message: object) -> None:
        match message:
            case Load(numbers):
                self._worker.pulse.load(loading=True)
                for number in numbers:
                    self._loading.begin(number, self._worker.known[number].entry)
            case Release(numbers):
                for number in numbers:
                    self._leave(number)

    def _take_loaded(self) -> None:
        for number, model, line in self._loading.take():
            self._worker.pulse.load(loading=self._loading.busy)
            if isinstance(model, Unusable):
                self._worker.channel.send(Failed(number, str(model)))
                continue
            held = self._held[number] = Held(model, self._worker.known[number].row, monotonic())
            self._turns.add(number, model.entry)
            self._write(held)
            self._worker.channel.send(Loaded(number, line))
            self._settle_process()
            self._allow()

    def _leave(self, number: int) -> None:
        held = self._held.pop(number, None)
        if held is None:
            return
        for handle in self._turns.remove(number):
            self._say(self._jobs[handle], Status.NOT_READY, "the model was unloaded")
        held.leaves = True
        self._allow()
        if not held.running:
            held.model.release()

    def _allow(self) -> None:
        """Say how long a batch may keep the interpreter for itself: it may run in this very thread."""
        limits = [held.model.entry.batch_seconds_max for held in self._held.values()]
        self._worker.pulse.allow(max(limits, default=0.0))

    def _look(self, now_s: float) -> None:
        """Whether anything takes too long; twice a second."""
        self._looked_s = now_s
        late = self._running.overdue(now_s) or self._loading.running.overdue(now_s)
        self._broken = self._broken or late

    # -- jobs ---------------------------------------------------------------------------------------

    def _take(self) -> None:
        new, left = self._worker.intake.take()
        now_s = monotonic()
        for job in new:
            if self._is_light(job):
                self._light.push(job)
            else:
                self._wait(job, now_s)
        for job in left:
            if self._turns.drop(job.handle):
                self._answer(job, Answer(Status.DROPPED))
        for handle in self._turns.expired(now_s):
            self._answer(self._jobs[handle], Answer(Status.EXPIRED))

    def _is_light(self, job: Job) -> bool:
        """Whether it is to run alone and right here."""
        held = self._held.get(job.ask.model)
        if held is None or not held.single or job.ask.step != Step.INFER:
            return False
        return held.pace.light and self._turns.open(job.ask.model)

    def _run_light(self) -> None:
        """The next few; those behind them wait until the rings were looked at."""
        for _ in range(min(AT_ONCE_MAX, len(self._light))):
            job = self._light.pop()
            if not job.front.alive:
                continue
            if not self._is_light(job):  # the model has grown slow, or left
                self._wait(job, monotonic())
                continue
            held = self._held[job.ask.model]
            ended = run_alone(held.model, job)
            self._learn(held, ended)
            self._worker.intake.answer(*ended.answers[0])

    def _wait(self, job: Job, now_s: float) -> None:
        self._jobs[job.handle] = job
        held = self._held.get(job.ask.model)
        unwanted = job.unwanted(now_s)
        if unwanted is not None:
            self._answer(job, Answer(unwanted))
        elif held is None:
            self._say(job, Status.NOT_READY, "the model is not loaded here")
        else:
            refusal = self._turns.wait(job.ask.model, item_of(job, held.model.entry), now_s)
            if refusal is not None:
                self._say(job, REFUSALS[refusal.reason], refusal.words)

    def _start(self) -> None:
        here = 0
        for group, turn in self._turns.take(monotonic()):
            held = self._held[turn.name]
            held.running += 1
            jobs = [self._jobs[handle] for handle in turn.batch.handles]
            if group.at_once and held.pace.at_once():
                self._settle(held, group, turn, run(held.model, jobs))
                here += 1
                if here >= AT_ONCE_MAX:
                    return
            else:
                self._hand_over(group, held, partial(self._run, held, group, turn, jobs))

    def _hand_over(self, group: Group, held: Held, work: Callable[[], None]) -> None:
        """Let the crew do it, in its time."""
        entry = held.model.entry
        errand = self._running.begin(f"a batch of '{entry.name}'", monotonic(), entry.batch_seconds_max)

        def done() -> None:
            work()
            self._running.end(errand)

        group.crew.do(done)

    def _run(self, held: Held, group: Group, turn: Turn[int], jobs: list[Job]) -> None:
        """In a thread of the crew."""
        self._ended.put((held, group, turn, run(held.model, jobs)))
        ring(self._worker.bell)

    def _settle(self, held: Held, group: Group, turn: Turn[int], ended: Ended) -> None:
        """Take up what became of a batch."""
        held.running -= 1
        now_s = monotonic()
        self._learn(held, ended)
        for job, answer in ended.answers:
            self._answer(job, answer)
        waits = {job.handle: job for job in ended.again}
        for item in self._turns.ended(group, turn, _ran(ended, len(turn.batch.handles))):
            if item.handle in waits and not held.leaves:
                self._wait(waits.pop(item.handle), now_s)
        for job in waits.values():
            self._say(job, Status.OVERLOADED, "the device's memory is full")
        if held.leaves and not held.running:
            held.model.release()

    def _learn(self, held: Held, ended: Ended) -> None:
        """Book a batch before its answers go: whoever has one may ask at once whether the model is well."""
        self._broken = self._broken or ended.broken
        if not ended.rows:
            return
        held.pace.ran((ended.input_ns + ended.infer_ns + ended.output_ns) / 1e9)
        if not ended.again:
            self._ledger.count_batch(held.row, ended.rows, ended.input_ns, ended.infer_ns, ended.output_ns)
            held.health.ran(monotonic(), succeeded=ended.succeeded, failed=ended.failed)
            self._write(held)

    def _lost(self, jobs: list[Job]) -> None:
        """Their front has died: those that wait are forgotten, those that run end for nobody."""
        for job in jobs:
            if self._turns.drop(job.handle):
                del self._jobs[job.handle]

    def _say(self, job: Job, status: Status, said: str) -> None:
        self._answer(job, words(job, status, said))

    def _answer(self, job: Job, answer: Answer) -> None:
        del self._jobs[job.handle]
        self._worker.intake.answer(job, answer)

    # -- health -------------------------------------------------------------------------------------

    def _prove(self) -> None:
        """Let models prove themselves that must."""
        while not self._proved.empty():
            held, succeeded = self._proved.get()
            held.health.proved(monotonic(), succeeded=succeeded)
            self._write(held)
        now_s = monotonic()
        for number, held in self._held.items():
            group = self._turns.group(number)
            if group is not None and held.health.must_prove(now_s):
                self._hand_over(group, held, partial(self._run_proof, held))

    def _run_proof(self, held: Held) -> None:
        """In a thread of the crew."""
        self._proved.put((held, prove(held.model)))
        ring(self._worker.bell)

    def _write(self, held: Held) -> None:
        self._ledger.set(held.row, FAILED, held.health.failed)
        self._ledger.set(held.row, SUCCEEDED_NS, int(held.health.succeeded_s * 1e9))


def _ran(ended: Ended, asked: int) -> Ran | None:
    """What the batcher may learn from: how long a batch took of which some were left out says nothing."""
    if ended.rows != asked and not ended.again:
        return None
    return Ran(began_s=ended.began_s, ended_s=ended.ended_s, tight=bool(ended.again))


def main() -> None:
    """Run one predictor to its end."""
    status = Predictor(open_worker(), settle_memory).live()
    if status:
        os._exit(status)  # at once: what hangs would hang the libraries' farewells too


if __name__ == "__main__":
    main()

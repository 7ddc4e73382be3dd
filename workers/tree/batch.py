"""One batch on its way: out of the slots, through the model, into the slots. Runs in a crew's thread."""

from collections.abc import Sequence
from time import monotonic, perf_counter_ns

import msgspec

from workers.errors import ModelFailed, WorkerError
from workers.model import Model, Result, sample_request
from workers.oip.datatypes import BadTensor
from workers.tree.form import chosen, read_prepared, read_request, wanted_of
from workers.tree.intake import Job, words
from workers.tree.parcel import Parcel
from workers.tree.slot import Answer, Status, Step
from workers.tree.verdict import status_of

BROKEN = ("CUDA error", "CUBLAS_STATUS", "CUDNN_STATUS")
"""In an error's words: the device will not recover in this process."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a batch."""

    answers: tuple[tuple[Job, Answer], ...] = ()
    again: tuple[Job, ...] = ()  # the memory was too small for all at once
    rows: int = 0  # requests that ran
    began_s: float = 0.0
    ended_s: float = 0.0
    input_ns: int = 0
    infer_ns: int = 0
    output_ns: int = 0
    failed: bool = False
    succeeded: bool = False
    broken: str = ""  # what the device said before it broke


def run(model: Model, jobs: Sequence[Job]) -> Ended:
    """Run a batch. Those whose callers left or whose time is over are left out."""
    began_ns = perf_counter_ns()
    now_s = monotonic()
    answers: list[tuple[Job, Answer]] = []
    wanted: list[Job] = []
    for job in jobs:
        unwanted = job.unwanted(now_s)
        if unwanted is None:
            wanted.append(job)
        else:
            answers.append((job, Answer(unwanted)))
    if not wanted:
        return Ended(answers=tuple(answers))
    results, names, read_ns, ran_ns = _results(model, wanted)
    troubles = {
        place: _cause(result) for place, result in enumerate(results) if isinstance(result, Exception)
    }
    tight = len(wanted) > 1 and any("out of memory" in cause for cause in troubles.values())
    again: list[Job] = []
    for place, job in enumerate(wanted):
        if tight and troubles.get(place):
            again.append(job)
            continue
        queue_ns = int((now_s - job.taken_s) * 1e9)
        spent = (len(wanted), queue_ns, read_ns - began_ns, ran_ns - read_ns)
        answers.append((job, _answer(job, results[place], names[place], spent)))
    ended_ns = perf_counter_ns()
    return Ended(
        answers=tuple(answers),
        again=tuple(again),
        rows=len(wanted),
        began_s=now_s,
        ended_s=now_s + (ran_ns - began_ns) / 1e9,
        input_ns=read_ns - began_ns,
        infer_ns=ran_ns - read_ns,
        output_ns=ended_ns - ran_ns,
        failed=not tight and any(troubles.values()),
        succeeded=len(troubles) < len(wanted),
        broken=next((cause for cause in troubles.values() if _broken(cause)), ""),
    )


def prove(model: Model) -> bool:
    """Whether the model's sample goes through it."""
    try:
        model.infer(sample_request(model.entry))
    except (WorkerError, BadTensor):
        return False
    return True


def _results(model: Model, jobs: Sequence[Job]) -> tuple[list[Result], list[tuple[str, ...]], int, int]:
    """Results, the outputs that each job wants, and when they had been read and run."""
    if jobs[0].ask.step == Step.PREDICT:
        read = [read_prepared(job.asked, views=model.entry.takes_pixels) for job in jobs]
        read_ns = perf_counter_ns()
        names = [names for _, names in read]
        results = model.predict_many([made for made, _ in read], _union(model, names))
        return results, names, read_ns, perf_counter_ns()
    requests = [read_request(job.asked) for job in jobs]
    read_ns = perf_counter_ns()
    results = model.infer_many(requests, checked=True)
    return results, [wanted_of(request) for request in requests], read_ns, perf_counter_ns()


def _union(model: Model, names: list[tuple[str, ...]]) -> tuple[str, ...]:
    """What any of the jobs wants; empty = all. One that wants what is not there is shown all there is."""
    wanted = set(names)
    if () in wanted:
        return ()
    known = {spec.name for spec in model.entry.outputs}
    union = tuple(sorted({name for each in wanted for name in each}))
    return union if known.issuperset(union) else ()


def _answer(job: Job, result: Result, names: tuple[str, ...], spent: tuple[int, int, int, int]) -> Answer:
    """Write what came of a job into its room; `spent`: those that ran together, then nanoseconds by stage."""
    batch, queue_ns, input_ns, infer_ns = spent
    if isinstance(result, Exception):
        if _broken(_cause(result)):
            said = words(job, Status.NOT_READY, "the device failed; the model is loaded again")
        else:
            said = words(job, status_of(result), str(result))
        return Answer(said.status, batch, said.written, queue_ns, input_ns, infer_ns, 0)
    began_ns = perf_counter_ns()
    parcel = Parcel(chosen(result, names))
    fits = parcel.size <= job.ask.room
    if fits:
        parcel.write(job.room)
    output_ns = perf_counter_ns() - began_ns
    status = Status.OK if fits else Status.ROOM
    return Answer(status, batch, parcel.size, queue_ns, input_ns, infer_ns, output_ns)


def _cause(result: Result) -> str:
    """What the runtime said, if it was the model that failed."""
    if not isinstance(result, ModelFailed):
        return ""
    cause = result.__cause__ or result
    return f"{type(cause).__name__}: {cause}"


def _broken(cause: str) -> bool:
    return cause.startswith("AcceleratorError") or any(mark in cause for mark in BROKEN)

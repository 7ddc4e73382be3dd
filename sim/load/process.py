"""`python -m sim.load.process`: one process of a run, started by `crew.py` and spoken to over its pipes.

In: a line with its job, a line with the start, in seconds of CLOCK_MONOTONIC, which all processes share.
Out: `ready`; `at TURNED_TO ENDED FAILED` twice a second; `part JSON`. SIGTERM ends the run before its time.
"""

import asyncio
import gc
import signal
import sys
import time

import msgspec
import uvloop

from sim.load.arrivals import Stored
from sim.load.files import allow_files
from sim.load.generator import Generator
from sim.load.mix import encode_request
from sim.load.part import sum_up
from sim.load.plan import Plan, schedule
from sim.load.record import Record
from sim.load.schedule import Schedule
from sim.load.stored import Requests, read_requests, write_record

READY, AT, PART = "ready", "at", "part"
TELL_S = 0.5


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """`address` is where the plan's target was reached."""

    plan: Plan
    process: int
    address: tuple[str, int]

    @property
    def connections_max(self) -> int:
        """The share of this process."""
        return self.plan.limits.connections_max // self.plan.processes


def main() -> None:
    """Do the job that stands on stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the one who started it decides
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    share = schedule(job.plan, job.process)
    allow_files(job.connections_max)
    gc.freeze()
    gc.disable()  # a pause of the generator would be counted against the server
    print(READY, flush=True)
    began_s = float(sys.stdin.readline())
    before_s = time.process_time()
    record = uvloop.run(generate(job, share, began_s, tell=True))
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it has ended: what is asked for is being summed up
    spent_s = time.process_time() - before_s
    gc.enable()
    if isinstance(job.plan.arrivals, Stored):
        write_record(job.plan.arrivals.folder, job.process, record)
    part = sum_up(record, job.plan.classes, job.plan.seconds, job.plan.warm_up_s)
    part = msgspec.structs.replace(part, processor_s=spent_s)
    print(PART, msgspec.json.encode(part).decode(), flush=True)


async def generate(job: Job, share: Schedule, began_s: float, *, tell: bool = False) -> Record:
    """Send the share; `tell` prints how far it is."""
    limits = msgspec.structs.replace(job.plan.limits, connections_max=job.connections_max)
    generator = Generator(share, _requests(job.plan), job.address, job.plan.seconds, limits)
    telling = None
    if tell:
        telling = asyncio.create_task(_tell(generator))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, generator.stop)
    try:
        return await generator.run(began_s)
    finally:
        if telling is not None:
            telling.cancel()


def _requests(plan: Plan) -> Requests:
    if isinstance(plan.arrivals, Stored):
        return read_requests(plan.arrivals.folder)
    return [[encode_request(plan.target, each)] for each in plan.classes]


async def _tell(generator: Generator) -> None:
    while True:
        await asyncio.sleep(TELL_S)
        print(AT, generator.turned_to, generator.ended, generator.failed, flush=True)


if __name__ == "__main__":
    main()

"""`python -m sim.load.process`: one process of a run, started by `crew.py` and spoken to over its pipes.

In: a line with its job, a line with the start, in seconds of CLOCK_MONOTONIC, which all processes share.
Out: `ready`; `at TURNED_TO ENDED` twice a second; `part JSON`.
"""

import asyncio
import gc
import sys
import time

import msgspec
import uvloop

from sim.load.files import allow_files
from sim.load.generator import Generator
from sim.load.mix import encode_request
from sim.load.part import sum_up
from sim.load.plan import Plan, Schedule, schedule
from sim.load.record import Record

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
    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    share = schedule(job.plan, job.process)
    allow_files(job.connections_max)
    gc.freeze()
    gc.disable()  # a pause of the generator would be counted against the server
    print(READY, flush=True)
    began_s = float(sys.stdin.readline())
    before_s = time.process_time()
    record = uvloop.run(generate(job, share, began_s, tell=True))
    spent_s = time.process_time() - before_s
    gc.enable()
    part = sum_up(record, job.plan.classes, job.plan.seconds, job.plan.warm_up_s)
    part = msgspec.structs.replace(part, processor_s=spent_s)
    print(PART, msgspec.json.encode(part).decode(), flush=True)


async def generate(job: Job, share: Schedule, began_s: float, *, tell: bool = False) -> Record:
    """Send the share; `tell` prints how far it is."""
    limits = msgspec.structs.replace(job.plan.limits, connections_max=job.connections_max)
    requests = [encode_request(job.plan.target, each) for each in job.plan.classes]
    generator = Generator(share, requests, job.address, job.plan.seconds, limits)
    telling = asyncio.create_task(_tell(generator)) if tell else None
    try:
        return await generator.run(began_s)
    finally:
        if telling is not None:
            telling.cancel()


async def _tell(generator: Generator) -> None:
    while True:
        await asyncio.sleep(TELL_S)
        print(AT, generator.turned_to, generator.ended, flush=True)


if __name__ == "__main__":
    main()

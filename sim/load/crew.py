"""The processes of one run: started, told the common start, listened to, and ended whatever happens."""

import asyncio
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from sim.load.errors import GeneratorFailed, PlanRefused
from sim.load.files import SPARE, files_max
from sim.load.part import Part
from sim.load.plan import Plan, checked
from sim.load.process import AT, PART, READY, Job
from sim.load.result import Result, merged
from sim.load.target import reached

LEAD_S = 0.2
"""From when all processes are ready to the start."""

READY_S_MAX = 60.0
SUM_UP_S_MAX = 120.0
END_S_MAX = 5.0
LINE_BYTES_MAX = 64 * 1024 * 1024


class Told(NamedTuple):
    """How many requests were turned to, ended, and ended neither with a 200 nor with a 202."""

    turned_to: int = 0
    ended: int = 0
    failed: int = 0


Say = Callable[[Told], None]
"""Told of all processes together, twice a second."""


def run_plan(plan: Plan, say: Say | None = None) -> Result:
    """Run it. Raises PlanRefused before anything was sent, GeneratorFailed when a process fails."""
    return asyncio.run(run(plan, say))


async def run(
    plan: Plan,
    say: Say | None = None,
    began: Callable[[float], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Result:
    """The same inside a running loop. `began` is told the start, of `time.monotonic`, shortly before it.

    `stop`, set while it runs, ends it: the result is that of the time until then.
    """
    checked(plan)
    if plan.limits.connections_max // plan.processes + SPARE > files_max():
        raise PlanRefused(
            f"this machine allows a process {files_max():,} open files; lower --connections-max"
        )
    address = reached(plan.target)
    members = [Member(number) for number in range(plan.processes)]
    try:
        await asyncio.gather(
            *(member.start(Job(plan=plan, process=member.number, address=address)) for member in members)
        )
        if stop is not None and stop.is_set():
            raise GeneratorFailed("it was interrupted before it began")
        began_s = time.monotonic() + LEAD_S
        if began is not None:
            began(began_s)
        seconds_max = LEAD_S + plan.seconds + plan.limits.drain_s_max + SUM_UP_S_MAX

        def tell() -> None:
            if say is not None:
                say(Told(*(sum(column) for column in zip(*(each.told for each in members), strict=True))))

        stopping = asyncio.create_task(_stop(stop, members)) if stop is not None else None
        try:
            async with asyncio.timeout(seconds_max):
                parts = await asyncio.gather(*(member.run(began_s, tell) for member in members))
        finally:
            if stopping is not None:
                stopping.cancel()
                await asyncio.wait((stopping,))
    except TimeoutError as error:
        raise GeneratorFailed("it did not come to its end in time") from error
    finally:
        await asyncio.gather(*(member.stop() for member in members))
    stopped = stop is not None and stop.is_set()
    return merged(plan, parts, max(part.sent_last_s for part in parts) if stopped else None)


async def _stop(stop: asyncio.Event, members: "list[Member]") -> None:
    await stop.wait()
    for member in members:
        member.interrupt()


class Member:
    """One process."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.told = Told()
        self._told_all = False
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, job: Job) -> None:
        """Until it is ready."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sim.load.process"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(job) + b"\n")
        async with asyncio.timeout(READY_S_MAX):
            if await self._line() != READY:
                raise GeneratorFailed(await self._said())

    async def run(self, began_s: float, tell: Callable[[], None]) -> Part:
        """From the start to its part of the result."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{began_s!r}\n".encode())
        while line := await self._line():
            kind, _, rest = line.partition(" ")
            if kind == PART:
                self._told_all = True
                return msgspec.json.decode(rest, type=Part)
            if kind == AT:
                self.told = Told(*(int(each) for each in rest.split()))
                tell()
        raise GeneratorFailed(await self._said())

    def interrupt(self) -> None:
        """It sums up what it has seen so far."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    async def stop(self) -> None:
        """It is gone afterwards."""
        if self._process is None:
            return
        if self._told_all:  # it ends by itself; to kill it in that very moment confuses asyncio's watcher
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), END_S_MAX)
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it may just have ended by itself
                self._process.kill()
        await self._process.communicate()

    async def _line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().rstrip("\n")

    async def _said(self) -> str:
        """The last line of what it said of its failure."""
        assert self._process is not None
        assert self._process.stderr is not None
        lines = (await self._process.stderr.read()).decode(errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")

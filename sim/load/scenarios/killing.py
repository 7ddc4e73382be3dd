"""Kills processes of the proxy by the clock, each time with tickets on their way, and counts what is held.

What is in flight is counted twice: by the stubs (`StubServer`), and by the proxy's own page, watched here.
"""

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from sim.load.scenarios.promises import Promises
from sim.load.scenarios.scenario import Kills

LOOK_S = 0.2
BACK_S_MAX = 30.0
NOTICED_S_MAX = 1.0
"""From a kill until the proxy has noticed it: before, no permit counts as missing."""

PROGRAM = b"proxy.family.child"


class Killing:
    """`run` beside the load, then `rest` after it. `page` reads the metrics page; `pid` is the proxy's."""

    def __init__(
        self,
        kills: Kills,
        promises: Promises,
        pid: int,
        page: Callable[[], Awaitable[str]],
        rng: random.Random,
    ) -> None:
        self._kills = kills
        self._promises = promises
        self._pid = pid
        self._page = page
        self._rng = rng
        self._asking: set[asyncio.Task[None]] = set()
        self.killed = 0
        self.met = 0  # kills that cut tickets off on their way
        self.held_peak = 0  # calls in flight by the proxy's page
        self.departed_peak = 0  # of these, of processes that had been killed
        self.back_s: float | None = None  # from the last kill until none of its permits was missing
        self._killed_s = 0.0
        self._missing_s = 0.0  # when permits of the dead were last seen to be missing

    async def run(self, began_s: float) -> None:
        """Kill again and again, until cancelled."""
        watching, turn = asyncio.create_task(self._watch()), 0
        try:
            while True:
                turn += 1
                await asyncio.sleep(max(0.0, began_s + turn * self._kills.every_s - time.monotonic()))
                await self._kill()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def rest(self) -> None:
        """Wait until the permits of the last one killed are back, and all tickets have ended."""
        await asyncio.gather(*self._asking)
        ends_s = time.monotonic() + BACK_S_MAX
        while time.monotonic() < ends_s:
            departed = await self._look()
            if not departed and time.monotonic() > self._killed_s + NOTICED_S_MAX:
                self.back_s = max(0.0, self._missing_s - self._killed_s)
                break
            await asyncio.sleep(LOOK_S)
        await self._promises.keep()

    async def _kill(self) -> None:
        """With tickets on their way to every process; after as long as one takes to be written, about."""
        kills, before = self._kills, self._promises.cut
        asked = [asyncio.create_task(self._promises.ask(kills.body_bytes)) for _ in range(kills.tickets)]
        self._asking |= set(asked)
        await asyncio.sleep(self._rng.uniform(0.0, kills.within_s))
        children = await asyncio.to_thread(children_of, self._pid)
        if children:
            with suppress(ProcessLookupError):
                os.kill(self._rng.choice(children), signal.SIGKILL)
                self._killed_s = time.monotonic()
                self.killed += 1
        await asyncio.wait(asked)
        self._asking -= set(asked)
        self.met += self._promises.cut > before

    async def _watch(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> int:
        """Permits of the killed that are not back."""
        page = await self._page()
        departed = read(page, "penstock_permits_departed{")
        self.held_peak = max(self.held_peak, read(page, "penstock_inflight{"))
        self.departed_peak = max(self.departed_peak, departed)
        if departed:
            self._missing_s = time.monotonic()
        return departed


def read(page: str, start: str) -> int:
    """The sum of all lines of a metrics page that begin so."""
    lines = (line for line in page.splitlines() if line.startswith(start))
    return round(sum(float(line.rsplit(" ", 1)[1]) for line in lines))


def children_of(pid: int) -> list[int]:
    """The processes of a proxy that serve callers (Linux)."""
    found: list[int] = []
    for each in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, each.read_text().split())
    return sorted(child for child in found if _serves(child))


def _serves(pid: int) -> bool:
    try:
        return PROGRAM in Path(f"/proc/{pid}/cmdline").read_bytes()  # empty of one that is not reaped yet
    except OSError:
        return False

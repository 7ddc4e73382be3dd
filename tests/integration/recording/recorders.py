"""`penstock record` as operators run it, over a proxy of two processes."""

import asyncio
import resource
import signal
import stat
import sys
from pathlib import Path
from typing import Self

import msgspec

from proxy.recording.rows import End, EndLine, Header, Row
from tests.integration.callers import Caller, calling, eventually, infer, labelled
from tests.integration.processes.families import FamilyProcess

BEGUN_S_MAX = 20.0
ENDED_S_MAX = 30.0


class Recorder:
    """The command under way. `end` waits for it: its exit status and what it said."""

    def __init__(self, process: asyncio.subprocess.Process, out: Path) -> None:
        self.process = process
        self.out = out
        self.part = out.with_name(out.name + ".part")

    @classmethod
    async def start(
        cls, admin_port: int, out: Path, *options: str, file_bytes_max: int | None = None
    ) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "proxy.cli", "record", "--admin", f"127.0.0.1:{admin_port}", "--out", str(out), *options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        if file_bytes_max is not None:
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file_bytes_max, hard))
        return cls(process, out)

    async def begun(self, proxy: FamilyProcess, count: int = 1) -> None:
        """Wait until the proxy records."""

        async def recording() -> bool:
            return len(proxy.events("recording")) == count

        await eventually(recording, BEGUN_S_MAX, "the proxy records")

    async def end(self) -> tuple[int, str]:
        assert self.process.stdout is not None
        async with asyncio.timeout(ENDED_S_MAX):
            said = await self.process.stdout.read()
            return await self.process.wait(), said.decode()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


class Read:
    """A recording, read line by line; `end` is None where it has none."""

    def __init__(self, path: Path) -> None:
        header, *lines = path.read_bytes().splitlines()
        self.header = msgspec.json.decode(header, type=Header)
        self.end: End | None = None
        if lines and lines[-1].startswith(b'{"end"'):
            self.end = msgspec.json.decode(lines.pop(), type=EndLine).end
        self.rows = [msgspec.json.decode(line, type=Row) for line in lines]
        self.mode = stat.S_IMODE(path.stat().st_mode)


class Load:
    """Callers that go on until they are told to stop; every answer is counted by its status."""

    def __init__(self, port: int, connections: int = 8) -> None:
        self._port = port
        self._connections = connections
        self._stopped = False
        self.statuses: list[int] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._call()) for _ in range(self._connections)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        self._stopped = True
        await asyncio.gather(*self._tasks)

    async def more(self, count: int) -> None:
        """Wait for so many more answers."""
        wanted = len(self.statuses) + count

        async def here() -> bool:
            return len(self.statuses) >= wanted

        await eventually(here, ENDED_S_MAX, f"{count} more answers")

    async def _call(self) -> None:
        async with calling(self._port) as caller:
            while not self._stopped:
                await self._ask(caller)

    async def _ask(self, caller: Caller) -> None:
        response = await caller.ask(infer(labelled(1)))
        self.statuses.append(response.status)
        if response.headers.get("connection") == "close":
            self._stopped = True  # the proxy drains

"""The proxy as users run it: a process of its own, started by its command."""

import asyncio
import re
import signal
import sys
from pathlib import Path
from typing import Self

from tests.integration.callers import Response, get

READY_S_MAX = 30.0


class ProxyProcess:
    """`penstock serve` on free ports. Its log goes to `log_path`, one JSON line per event."""

    def __init__(self, table: Path, queue: str, log_path: Path, *options: str) -> None:
        self._table = table
        self._queue = queue
        self._options = options
        self.log_path = log_path
        self.ports: dict[str, int] = {}  # of the data side, by scheme; `port` is the first
        self.port = 0
        self.admin_port = 0
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "proxy.cli", "serve", str(self._table), "--queue", self._queue),
                *("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", *self._options),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S_MAX):
            line = (await self._process.stdout.readline()).decode()
        match = re.fullmatch(
            r"penstock ready ((?:https?=127\.0\.0\.1:\d+ )+)admin=127\.0\.0\.1:(\d+) .*\n", line
        )
        assert match is not None, f"{line!r}\n{self.log_path.read_text()}"
        self.ports = {side: int(port) for side, port in re.findall(r"(\w+)=\S+:(\d+)", match[1])}
        self.port, self.admin_port = next(iter(self.ports.values())), int(match[2])

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def wait(self) -> int:
        assert self._process is not None
        return await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM, and its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.terminate()
        return await self._process.wait()

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def admin(self, path: str, method: str = "GET") -> Response:
        """A request to the admin side."""
        return await get(self.admin_port, path, method)

    async def metric(self, line: str) -> float:
        """The value of one line of the metrics page, 0 where it is not there."""
        page = (await self.admin("/metrics")).body.decode()
        for each in page.splitlines():
            if each.startswith(line + " "):
                return float(each.rsplit(" ", 1)[1])
        return 0.0

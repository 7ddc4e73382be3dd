"""The processes of the story: worker pools and the proxy, started, stopped and started again."""

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Callable

READY_S_MAX = 300.0
"""Loading real models on a slow machine takes long; waiting for ever would hide a failure."""

STOP_S_MAX = 30.0

Say = Callable[[str], None]


class DidNotStart(Exception):
    """A process ended, or was silent for too long, before it said that it is ready."""


class Child:
    """One process that prints a line beginning with `ready` when it serves; its other lines go to `say`."""

    def __init__(self, name: str, ready: str, arguments: list[str], say: Say) -> None:
        self.name = name
        self._ready = ready
        self._arguments = arguments
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []

    async def start(self, environ: dict[str, str] | None = None) -> str:
        """Start, and wait; the line that it was ready with. Raises DidNotStart."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, **(environ or {})},
            start_new_session=True,  # Ctrl-C reaches the story alone, which then ends its children in order
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        line: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._readers = [
            asyncio.create_task(self._read(self._process.stdout, line)),
            asyncio.create_task(self._read(self._process.stderr, None)),
        ]
        try:
            return await asyncio.wait_for(line, READY_S_MAX)
        except TimeoutError:
            raise DidNotStart(f"{self.name}: not ready after {READY_S_MAX:.0f} s") from None

    @property
    def pid(self) -> int:
        """Of its process; 0 while there is none."""
        return 0 if self._process is None else self._process.pid

    def signal(self, number: signal.Signals) -> None:
        """Send it, if the process runs."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(number)

    async def stop(self) -> None:
        """SIGTERM, and wait; kill what does not end."""
        process = self._process
        if process is None:
            return
        self._process = None
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()
        await asyncio.gather(*self._readers)

    async def _read(self, stream: asyncio.StreamReader, line: "asyncio.Future[str] | None") -> None:
        while data := await stream.readline():
            text = data.decode(errors="replace").rstrip()
            if line is not None and not line.done() and text.startswith(self._ready):
                line.set_result(text)
            elif text:
                self._say(f"{self.name}: {text}")
        if line is not None and not line.done():
            line.set_exception(DidNotStart(f"{self.name} ended before it was ready"))


def worker_pool(name: str, port: int, options: list[str], say: Say) -> Child:
    """A worker process with the bundled models."""
    arguments = ["-m", "workers", "--listen", f"127.0.0.1:{port}", *options]
    return Child(name, "penstock worker ready", arguments, say)


def proxy(table: str, queue: str, listen: int, admin: int, say: Say) -> Child:
    """The proxy over the story's table."""
    addresses = ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]
    options = ["--queue", queue, "--log-level", "error"]  # the story tells itself what fails
    return Child("proxy", "penstock ready", ["-m", "proxy.cli", "serve", table, *addresses, *options], say)


def port_of(line: str, key: str = "") -> int:
    """The port after `key` in a ready line."""
    match = re.search(rf"{re.escape(key)}\S*?127\.0\.0\.1:(\d+)", line)
    assert match is not None, line
    return int(match[1])


def free_port(wanted: int) -> int:
    """`wanted` where it is free, else 0 (any)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted

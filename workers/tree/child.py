"""A process of the tree as its supervisor holds it: started, spoken with, and seen to end by its pidfd.

One that hangs has not ended: its pulse tells, and it is killed.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from workers.tree.bell import make_bell
from workers.tree.channel import make_channel
from workers.tree.patience import LOOK_S, Patience
from workers.tree.pulse import Pulse, make_pulse

FLUSH_S = 0.05  # between two tries to send what a child had no room for


class Child:
    """One life of one process. `heard` gets its messages until it has ended; `hung`: why it was killed."""

    def __init__(self, role: str, heard: Callable[[Any], None]) -> None:
        self.channel, theirs = make_channel()
        self.bell = make_bell()
        self.pulse = make_pulse()
        self.hung = ""
        self.began_s = monotonic()
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", f"workers.tree.{role}", str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
        )
        theirs.close()
        self._pidfd = os.pidfd_open(self._process.pid)
        self._ended: asyncio.Future[int] = self._loop.create_future()
        self._loop.add_reader(self._pidfd, self._end)
        self._loop.add_reader(self.channel.fileno(), self._hear)
        self._flusher = self._loop.call_later(FLUSH_S, self._flush)
        self._seen = Pulse(self.pulse)
        self._patience = Patience()
        self._looker = self._loop.call_later(LOOK_S, self._look)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        return await asyncio.shield(self._ended)

    def kill(self) -> None:
        """End it at once."""
        if not self._ended.done():
            self._process.send_signal(signal.SIGKILL)

    def _end(self) -> None:
        """It has ended: read its last words, and let go of everything."""
        self._hear()
        status = self._process.wait()
        self._loop.remove_reader(self._pidfd)
        self._loop.remove_reader(self.channel.fileno())
        self._flusher.cancel()
        self._looker.cancel()
        os.close(self._pidfd)
        self.channel.close()
        os.close(self.bell)
        os.close(self.pulse)
        self._seen.close()
        self._ended.set_result(status)

    def _hear(self) -> None:
        for message, _ in self.channel.receive():
            self._heard(message)
        if self.channel.gone:
            self._loop.remove_reader(self.channel.fileno())

    def _look(self) -> None:
        self.hung = self._patience.look(self._seen.look(), processor_s(self.pid))
        if self.hung:
            self.kill()
        else:
            self._looker = self._loop.call_later(LOOK_S, self._look)

    def _flush(self) -> None:
        self.channel.flush()
        self._flusher = self._loop.call_later(FLUSH_S, self._flush)


def processor_s(pid: int) -> float:
    """What all threads of a process spent, in steps of the kernel's tick. It is not reaped yet."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

"""A server process on one core: started, asked what it uses, and ended by its own id. Decides nothing."""

import os
import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

READY_S_MAX = 30.0
STOP_S_MAX = 5.0
PORTS = range(20_000, 32_000)
LOOK_S = 0.02
TAIL_CHARS_MAX = 2_000


class DidNotStart(Exception):
    """A server ended, or was silent for too long, before it accepted connections."""


class Server:
    """One process. Its output goes to a file in `folder`, which is quoted when it does not start."""

    def __init__(self, name: str, command: Sequence[str], core: int, folder: Path) -> None:
        self._name = name
        self._output = folder / f"{name}.out"
        with pinned(core), self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder
            )
        self.pid = self._process.pid

    def wait_for(self, port: int) -> None:
        """Until it accepts connections on `port`. Raises DidNotStart; then it has been stopped."""
        over = time.monotonic() + READY_S_MAX
        while time.monotonic() < over:
            code = self._process.poll()
            if code is not None:
                raise DidNotStart(f"{self._name} ended with {code}: {self._tail()}")
            if accepts(port):
                return
            time.sleep(LOOK_S)
        self.stop()
        raise DidNotStart(f"{self._name}: not ready after {READY_S_MAX:.0f} s: {self._tail()}")

    def cpu_s(self) -> float:
        """Processor seconds used by it, by all its threads, since it began."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self) -> int:
        """Memory that is resident now."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> None:
        """SIGTERM, and wait; kill what does not end. Twice is once."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _tail(self) -> str:
        return self._output.read_text(errors="replace")[-TAIL_CHARS_MAX:].strip() or "it printed nothing"


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Within, this process is on one core: whatever it starts stays there, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, all different.

    None that the system would give to a caller's end of a connection: there are ten thousand of those in a
    run, and a look at whether a server listens yet could meet itself.
    """
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(ports) == count:
            return ports
        if _is_free(port):
            ports.append(port)
    raise OSError(f"fewer than {count} free ports from {PORTS[0]} to {PORTS[-1]}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True

"""A proxy of several processes under test: which processes there are, and who is connected to which."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec

from tests.integration.callers import eventually, infer, labelled
from tests.integration.proxies import ProxyProcess

TABLE = """
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
applications:
  a: {{endpoints: "{url}"{limits}}}
routes:
  - {{application: a, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: 1}}
"""

CALLERS = 32
NO_TICKET = "Penstock-Fallback: none"
STARTED_S_MAX = 30.0


class FamilyProcess(ProxyProcess):
    """`penstock serve --processes N`."""

    def __init__(self, table: Path, queue: str, log_path: Path, *options: str, processes: int = 2) -> None:
        super().__init__(table, queue, log_path, "--processes", str(processes), *options)
        self._processes = processes

    def events(self, name: str) -> list[dict[str, object]]:
        """Of the log so far, of all processes."""
        lines = [msgspec.json.decode(line) for line in self.log_path.read_bytes().splitlines()]
        return [line for line in lines if line["event"] == name]

    def children(self) -> dict[int, int]:
        """The process ids of the children that served last, by number."""
        return {int(str(each["process"])): int(str(each["pid"])) for each in self.events("process_serves")}

    async def whole_again(self, restarts: int) -> None:
        """Wait until all children serve, after so many were started anew."""

        async def whole() -> bool:
            serving = await self.metric('penstock_processes{state="serving"}')
            again = await self.metric("penstock_process_restarts_total")
            return (serving, again) == (self._processes, restarts)

        await eventually(whole, STARTED_S_MAX, f"{restarts} restarts")


def alive(pid: int) -> bool:
    """Whether the process runs: one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def callers_of(pid: int, port: int) -> set[int]:
    """The ports of those who are connected to this process at `port` of loopback."""
    sockets = {_target(each) for each in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {
        int(row[2].split(":")[1], 16)
        for row in rows
        if int(row[1].split(":")[1], 16) == port and f"socket:[{row[9]}]" in sockets
    } - {0}  # of the socket that listens


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except FileNotFoundError:  # closed meanwhile
        return ""


Start = Callable[..., Awaitable[FamilyProcess]]
"""Starts a proxy of two processes over the stub; `limits` are the application's, `queue` is its URL."""


def some(count: int, *fields: str) -> Iterator[bytes]:
    """So many requests."""
    return itertools.repeat(infer(labelled(1), *fields), count)


async def at_rest(proxy: FamilyProcess) -> bool:
    """Whether all permits are back."""
    return await proxy.metric('penstock_inflight{application="a"}') == 0


async def in_service(proxy: FamilyProcess, generation: int) -> bool:
    """Whether every process has this table, or a later one."""
    return bool((await proxy.admin("/readyz")).json["table"]["generation"] >= generation)


async def so(value: bool) -> bool:
    """For `eventually`."""
    return value

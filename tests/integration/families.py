"""A proxy of several processes under test: which processes there are, and who is connected to which."""

from pathlib import Path

import msgspec

from tests.integration.callers import eventually
from tests.integration.proxies import ProxyProcess

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

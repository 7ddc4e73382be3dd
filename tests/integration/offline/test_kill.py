"""kill -9 of the process that owns the queue: what was acknowledged is there, and the next one can own it."""

import hashlib
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from proxy.clock import LiveClock
from proxy.errors import QueueOwned
from proxy.messages import Answer
from proxy.offline.limits import QueueLimits
from proxy.offline.open import attach_queue
from proxy.offline.sqlite import SqliteQueue, open_sqlite
from proxy.ports import OfflineQueue
from proxy.tickets import TicketStatus
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER

ROUNDS = 20
ROOT = Path(__file__).parents[3]


class Owner:
    """The owner's process, and what it said."""

    def __init__(self, path: Path, callers: int) -> None:
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._enough = threading.Event()
        self._wanted = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.offline.owner", str(path), str(callers)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        assert self._ready.wait(60), "the owner did not start"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._ready.set()
            if line.endswith("\n"):  # a line cut off by the kill was told to nobody
                self.lines.append(line.strip())
            if len(self.lines) >= self._wanted > 0:
                self._enough.set()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill_after(self, lines: int) -> list[str]:
        """SIGKILL once it has said so much; all that it said, the last bytes too."""
        self._wanted = lines
        assert self._enough.wait(60), "the owner does not put"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        return self.lines[1:]


async def opened(path: Path) -> SqliteQueue:
    limits = QueueLimits(checked_bytes_max=2**40)
    return await open_sqlite(path, clock=LiveClock(), log=RecordingLog(), limits=limits)


async def check(queue: OfflineQueue, told: list[str]) -> None:
    """Every line that was said holds, whole."""
    done = {line.split()[0] for line in told if line.endswith("done")}
    bodies = {}
    for line in told:
        name, *said = line.split()
        ticket = await queue.find(name)
        assert ticket is not None, f"{name} was acknowledged and is lost"
        if name in done:
            assert (ticket.status, ticket.answer) == (TicketStatus.DONE, ANSWER)
        if len(said) == 2:
            assert ticket.body_bytes == int(said[0])
            bodies[name] = said[1]
    for claim in await queue.claim(1_000_000, 30.0):
        assert claim.ticket not in done
        if claim.ticket in bodies:
            assert hashlib.sha256(claim.envelope.body).hexdigest() == bodies[claim.ticket]
        assert await queue.complete(claim, Answer(status=200))


@pytest.mark.long
async def test_every_acknowledged_ticket_is_found_after_a_kill(tmp_path: Path) -> None:
    """The promise of the 202. The file goes from round to round, so that each recovers the last one's log."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    path = tmp_path / "q.db"
    for _ in range(ROUNDS):
        owner = Owner(path, callers=rng.choice((1, 4, 32)))
        told = owner.kill_after(rng.randrange(20, 600))
        queue = await opened(path)
        await check(queue, told)
        await queue.close()


async def test_a_running_owner_keeps_others_out_and_a_killed_one_does_not(tmp_path: Path) -> None:
    """The kernel drops the lock with the process: nobody has to remove a file by hand."""
    path = tmp_path / "q.db"
    owner = Owner(path, callers=1)
    with pytest.raises(QueueOwned, match=f"process {owner.pid}"):
        await open_sqlite(path, clock=ManualClock(), log=RecordingLog())
    guest = await attach_queue(f"sqlite:///{path}", clock=LiveClock(), log=RecordingLog())
    assert (await guest.stats()).stored_bytes >= 0
    owner.kill_after(20)
    await guest.close()
    queue = await attach_queue(f"sqlite:///{path}", clock=LiveClock(), log=RecordingLog())
    assert isinstance(queue, SqliteQueue), "the dead owner's socket is not mistaken for it"
    await queue.close()

"""Opening by URL: who owns, who attaches, and what is no queue."""

import asyncio
import os
import sqlite3
from pathlib import Path

import pytest

from proxy.errors import QueueOwned, QueueUnusable
from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.offline.open import attach_queue, open_queue, path_of
from proxy.offline.remote import RemoteQueue
from proxy.offline.sqlite import SqliteQueue, open_sqlite
from proxy.tickets import Refused
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER, claimed, parcel, parked, serial_ids

pytestmark = pytest.mark.usefixtures("time_stands")
CLOCK = ManualClock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/q.db"


def test_three_slashes_are_relative_and_four_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everywhere where SQLite is named by URL; spaces come encoded, links are followed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "there.db")
    assert path_of("sqlite:///q.db") == tmp_path / "q.db"
    assert path_of("sqlite:////var/lib/a%20b.db") == Path("/var/lib/a b.db")
    assert path_of("sqlite:///link") == tmp_path / "there.db"


@pytest.mark.parametrize(
    "url",
    [
        *("", "q.db", "postgres://h/d", "memory:", "memory:///", "sqlite:", "sqlite://", "sqlite:///"),
        *("sqlite://host/q.db", "sqlite:///q.db?mode=ro", "sqlite:///q.db#x"),
    ],
)
async def test_what_is_no_queue_url_is_refused_with_what_would_be(url: str, log: RecordingLog) -> None:
    """The operator mistyped."""
    with pytest.raises(QueueUnusable, match=r"is none of sqlite:///file\.db"):
        await open_queue(url, clock=CLOCK, log=log)


async def test_a_queue_in_memory_is_owned_and_cannot_be_attached_to(log: RecordingLog) -> None:
    """Nothing outside its process could see it."""
    queue = await open_queue("memory://", clock=CLOCK, log=log, limits=QueueLimits(tickets_max=1))
    assert isinstance(queue, MemoryQueue)
    await parked(queue)
    assert isinstance(await queue.put(parcel()), Refused), "the limits were handed on"
    with pytest.raises(QueueUnusable, match="inside its process"):
        await attach_queue("memory://", clock=CLOCK, log=log)


async def test_while_a_process_owns_the_file_others_work_through_it(url: str, log: RecordingLog) -> None:
    """`penstock queue` on a running proxy."""
    owner = await open_queue(url, clock=CLOCK, log=log)
    guest = await attach_queue(url, clock=CLOCK, log=log)
    assert isinstance(guest, RemoteQueue)
    name = await parked(guest)
    assert await owner.find(name) is not None
    await guest.close()
    await owner.close()
    assert not await asyncio.to_thread(path_of(url).with_name("q.db.sock").exists)


async def test_a_file_without_an_owner_is_owned_for_as_long_as_it_takes(url: str, log: RecordingLog) -> None:
    """`penstock queue` after the proxy has stopped."""
    owner = await open_queue(url, clock=CLOCK, log=log)
    name = await parked(owner)
    await owner.close()
    queue = await attach_queue(url, clock=CLOCK, log=log)
    assert isinstance(queue, SqliteQueue)
    assert await queue.find(name) is not None
    await queue.close()


async def test_attaching_makes_no_file(url: str, log: RecordingLog) -> None:
    """Statistics of an empty queue that a spelling mistake made would mislead."""
    with pytest.raises(QueueUnusable, match="no such file"):
        await attach_queue(url, clock=CLOCK, log=log)
    assert not path_of(url).exists()


async def test_an_owner_that_does_not_serve_is_named(url: str, log: RecordingLog) -> None:
    """Another command has it just now."""
    await (await open_queue(url, clock=CLOCK, log=log)).close()
    owner = await attach_queue(url, clock=CLOCK, log=log)
    with pytest.raises(QueueOwned, match=f"belongs to process {os.getpid()}, and its owner cannot be"):
        await attach_queue(url, clock=CLOCK, log=log)
    await owner.close()


async def test_a_second_owner_is_refused(url: str, log: RecordingLog) -> None:
    """And must not take the first one's socket away."""
    owner = await open_queue(url, clock=CLOCK, log=log)
    with pytest.raises(QueueOwned):
        await open_queue(url, clock=CLOCK, log=log)
    guest = await attach_queue(url, clock=CLOCK, log=log)
    await guest.stats()
    await guest.close()
    await owner.close()


async def test_a_queue_whose_socket_cannot_be_is_closed_again(tmp_path: Path, log: RecordingLog) -> None:
    """A failed start leaves no owner behind."""
    url = f"sqlite:///{tmp_path}/{'n' * 120}.db"
    for _ in range(2):
        with pytest.raises(QueueUnusable, match="too long"):
            await open_queue(url, clock=CLOCK, log=log)


async def test_a_second_opener_is_told_who_owns_the_file(tmp_path: Path, log: RecordingLog) -> None:
    """Two writers on one file can corrupt it; the operator must see which process to look at."""
    queue = await open_sqlite(tmp_path / "q.db", clock=CLOCK, log=log)
    with pytest.raises(QueueOwned, match=f"process {os.getpid()}"):
        await open_sqlite(tmp_path / "q.db", clock=CLOCK, log=log)
    await parked(queue)
    await queue.close()
    again = await open_sqlite(tmp_path / "q.db", clock=CLOCK, log=log)
    assert len(await again.list(None, 10, "")) == 1
    await again.close()


async def test_claims_of_an_owner_that_is_gone_are_due_at_once(tmp_path: Path, log: RecordingLog) -> None:
    """Nobody works on them any more: a restart must not wait for their leases."""
    queue = await open_sqlite(tmp_path / "q.db", clock=CLOCK, log=log, new_id=serial_ids())
    names = [await parked(queue) for _ in range(2)]
    old = await claimed(queue, lease_s=1000.0)
    await queue.close()
    again = await open_sqlite(tmp_path / "q.db", clock=CLOCK, log=log)
    claims = await again.claim(10, 30.0)
    assert [(claim.ticket, claim.tries) for claim in claims] == [(names[0], 2), (names[1], 1)]
    assert await again.complete(old, ANSWER) is False
    await again.close()


async def test_a_refused_opener_gives_the_file_free(tmp_path: Path, log: RecordingLog) -> None:
    """The operator mends the file and starts again, in the same process or another."""
    path = tmp_path / "q.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    for _ in range(2):
        with pytest.raises(QueueUnusable, match="not a database"):
            await open_sqlite(path, clock=CLOCK, log=log)


@pytest.mark.parametrize(
    ("change", "said"),
    [("RENAME TO gone", "no such table"), ("RENAME COLUMN charge TO gone", "no such column")],
)
async def test_a_table_that_cannot_be_read_makes_the_file_unusable(
    tmp_path: Path, log: RecordingLog, change: str, said: str
) -> None:
    """The schema's number alone does not make a queue."""
    path = tmp_path / "q.db"
    await (await open_sqlite(path, clock=CLOCK, log=log)).close()
    connection = sqlite3.connect(path)
    connection.execute(f"ALTER TABLE tickets {change}")
    connection.close()
    with pytest.raises(QueueUnusable, match=said):
        await open_sqlite(path, clock=CLOCK, log=log)


async def test_a_directory_that_is_not_there_makes_the_queue_unusable(
    tmp_path: Path, log: RecordingLog
) -> None:
    """A spelling mistake in the URL must not become an empty queue somewhere."""
    with pytest.raises(QueueUnusable, match="No such file or directory"):
        await open_sqlite(tmp_path / "nowhere" / "q.db", clock=CLOCK, log=log)

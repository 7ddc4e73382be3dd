"""The owner's side of the socket: who may connect, what is understood, and how much at once."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from proxy.errors import QueueFailed, QueueUnusable
from proxy.messages import Answer
from proxy.offline.remote import RemoteQueue
from proxy.offline.server import QueueServer
from proxy.offline.wire import Ask, FrameTooLarge, Told, WireLimits, encode, frame, read_frame
from proxy.tickets import Accepted, Claim, Refused
from tests.stand_ins.held_queue import HeldQueue, until
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import parcel, parked
from tests.stand_ins.virtual_loop import advance

pytestmark = pytest.mark.usefixtures("time_stands")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "q.db.sock"


@pytest.fixture
def queue() -> HeldQueue:
    return HeldQueue()


@pytest.fixture
async def server(queue: HeldQueue, path: Path, log: RecordingLog) -> AsyncIterator[QueueServer]:
    server = QueueServer(queue=queue, path=path, log=log)
    await server.start()
    yield server
    await server.close()


@pytest.fixture
async def remote(server: QueueServer, path: Path) -> AsyncIterator[RemoteQueue]:
    remote = RemoteQueue(path)
    yield remote
    await remote.close()


async def test_only_the_own_user_may_connect(server: QueueServer, path: Path) -> None:
    """Whoever can connect can read payloads and cancel tickets."""
    assert stat.S_IMODE((await asyncio.to_thread(path.stat)).st_mode) == 0o600


async def test_the_socket_is_gone_after_the_end(queue: HeldQueue, path: Path, log: RecordingLog) -> None:
    """So that nobody tries it; but one that is left of a killed owner does no harm either."""
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    server = QueueServer(queue=queue, path=path, log=log)
    await server.start()
    await server.close()
    assert not await asyncio.to_thread(path.exists)


async def test_a_path_too_long_for_a_socket_is_reached_through_its_directory(
    tmp_path: Path, queue: HeldQueue, log: RecordingLog
) -> None:
    """Unix socket addresses end at about a hundred bytes; data directories do not."""
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    server = QueueServer(queue=queue, path=folder / "q.db.sock", log=log)
    await server.start()
    remote = RemoteQueue(folder / "q.db.sock")
    assert await parked(remote) == "t0001"
    await remote.close()
    await server.close()


async def test_a_name_too_long_for_a_socket_is_refused_in_words(
    tmp_path: Path, queue: HeldQueue, log: RecordingLog
) -> None:
    """There is no way around that one."""
    path = tmp_path / ("n" * 120)
    with pytest.raises(QueueUnusable, match="too long for a socket"):
        await QueueServer(queue=queue, path=path, log=log).start()
    with pytest.raises(QueueFailed, match="too long for a socket"):
        await RemoteQueue(path).stats()


async def test_a_directory_that_cannot_hold_a_socket_is_named(
    tmp_path: Path, queue: HeldQueue, log: RecordingLog
) -> None:
    """The operator sees what is missing."""
    with pytest.raises(QueueUnusable, match=r"nowhere/q\.sock: No such file or directory"):
        await QueueServer(queue=queue, path=tmp_path / "nowhere" / "q.sock", log=log).start()


async def test_an_error_at_the_owner_is_told_and_a_bug_is_logged_there(
    queue: HeldQueue, remote: RemoteQueue, log: RecordingLog
) -> None:
    """The client raises the same words; only bugs are the owner's to log."""
    await remote.stats()
    queue.held = []
    first, second = remote.find("a"), remote.find("b")
    await until(lambda: len(queue.held or []) == 2)
    queue.held[0].set_exception(QueueFailed("disk I/O error"))
    queue.held[1].set_exception(ZeroDivisionError("bug"))
    with pytest.raises(QueueFailed, match=r"^The offline queue could not do this now: disk I/O error$"):
        await first
    with pytest.raises(QueueFailed, match="bug"):
        await second
    assert [name for _, name, _ in log.events] == ["queue_call_broke"]


async def test_a_claim_stops_when_its_bodies_fill_a_frame(
    queue: HeldQueue, path: Path, log: RecordingLog
) -> None:
    """Thirty bodies of the largest size fit into no frame; the rest is claimed next time."""
    server = QueueServer(queue=queue, path=path, log=log, limits=WireLimits(claimed_bytes_max=1500))
    await server.start()
    remote = RemoteQueue(path)
    for _ in range(3):
        await parked(remote, body=b"x" * 1000)
    assert len(await remote.claim(10, 30.0)) == 2
    assert len(await remote.claim(10, 30.0)) == 1
    await remote.close()
    await server.close()


async def test_no_more_calls_are_worked_on_at_a_time_than_the_limit(
    queue: HeldQueue, path: Path, log: RecordingLog
) -> None:
    """A client that floods waits in its own socket."""
    server = QueueServer(queue=queue, path=path, log=log, limits=WireLimits(in_flight_max=2))
    await server.start()
    remote = RemoteQueue(path)
    await remote.stats()
    queue.held = []
    found = [remote.find(str(n)) for n in range(5)]
    await until(lambda: len(queue.held or []) == 2)
    await advance(0)
    for n in range(5):
        await until(lambda n=n: len(queue.held or []) > n)  # type: ignore[misc]
        assert len(queue.held) <= n + 2
        queue.held[n].set_result(None)
    assert await asyncio.gather(*found) == [None] * 5
    await remote.close()
    await server.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        frame(Ask(1, "shutdown", msgspec.Raw(encode(())))),
        frame(Ask(1, "find", msgspec.Raw(encode((1, 2))))),
        frame(Ask(1, "__init__", msgspec.Raw(encode(())))),
    ],
    ids=["too large", "no message", "no method", "wrong types", "not the port's"],
)
async def test_a_client_that_is_not_understood_is_hung_up_on(
    server: QueueServer, path: Path, log: RecordingLog, data: bytes
) -> None:
    """Nothing it says reaches the queue; the others go on."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    assert [name for _, name, _ in log.events] == ["queue_client_not_understood"]


async def test_an_answer_to_a_client_that_has_left_is_dropped(
    queue: HeldQueue, server: QueueServer, path: Path, log: RecordingLog
) -> None:
    """The call it made goes on in the queue."""
    remote = RemoteQueue(path)
    await remote.stats()
    queue.held = []
    put = remote.put(parcel())
    await until(lambda: bool(queue.held))
    remote._unlink("the test says so")
    assert isinstance(await put, Refused)
    await until(lambda: not server._sessions)
    queue.held[0].set_result(Accepted(ticket="t1", fresh=True))
    await advance(0)
    assert log.events == []


async def test_a_frame_beyond_the_limit_is_not_read() -> None:
    """Four bytes must not make the other end reserve four gigabytes."""
    reader = asyncio.StreamReader()
    reader.feed_data(frame(Told(1, "", msgspec.Raw(encode("x" * 100)))))
    with pytest.raises(FrameTooLarge):
        await read_frame(reader, 50)


def test_a_whole_answer_survives_the_wire() -> None:
    """Bytes, headers that are no text, and nothing at all."""
    claim = Claim(ticket="t", token=3, tries=2, envelope=parcel(body=bytes(range(256))))
    assert msgspec.msgpack.decode(encode(claim), type=Claim) == claim
    answer = Answer(status=200, headers=((b"\xff", b"\x00"),), body=b"\x00\xff")
    assert msgspec.msgpack.decode(encode(answer), type=Answer) == answer

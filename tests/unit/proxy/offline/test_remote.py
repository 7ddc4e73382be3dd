"""The socket between processes: broken connections, late answers, and what is not understood."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.errors import QueueFailed, QueueUnusable
from proxy.messages import Answer
from proxy.offline.limits import QueueLimits
from proxy.offline.memory import MemoryQueue
from proxy.offline.remote import RemoteQueue
from proxy.offline.server import QueueServer
from proxy.offline.wire import Ask, FrameTooLarge, Told, WireLimits, encode, frame, read_frame
from proxy.tickets import Accepted, Claim, Put, Refusal, Refused, Ticket
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER, claimed, parcel, parked, serial_ids
from tests.stand_ins.virtual_loop import advance


class HeldQueue(MemoryQueue):
    """Answers a put or a find when the test says so."""

    def __init__(self) -> None:
        super().__init__(clock=ManualClock(), limits=QueueLimits(), new_id=serial_ids())
        self.held: list[asyncio.Future[Any]] | None = None

    def _later(self, now: asyncio.Future[Any]) -> asyncio.Future[Any]:
        if self.held is None:
            return now
        self.held.append(asyncio.get_running_loop().create_future())
        return self.held[-1]

    def put(self, envelope: Any) -> asyncio.Future[Put]:
        return self._later(super().put(envelope))

    def find(self, ticket: str) -> asyncio.Future[Ticket | None]:
        return self._later(super().find(ticket))


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


async def until(holds: Any) -> None:
    """Give sockets their turns until something holds."""
    loop = asyncio.get_running_loop()
    for _ in range(1000):
        if holds():
            return
        await loop.run_in_executor(None, lambda: None)
    raise AssertionError("it never came true")


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


async def test_many_calls_share_a_connection_and_keep_their_answers_apart(remote: RemoteQueue) -> None:
    """The first calls wait for the connection, the others find it."""
    early = [remote.put(parcel(request_id=str(n))) for n in range(10)]
    await asyncio.gather(*early)
    puts = await asyncio.gather(*[remote.put(parcel(request_id=str(n))) for n in range(10, 200)])
    for n, put in enumerate([*[each.result() for each in early], *puts]):
        assert isinstance(put, Accepted)
        ticket = await remote.find(put.ticket)
        assert ticket is not None
        assert ticket.request_id == str(n)


async def test_an_owner_that_is_not_there_refuses_puts_and_fails_the_rest(path: Path) -> None:
    """`put` never raises."""
    remote = RemoteQueue(path)
    put = await remote.put(parcel())
    assert isinstance(put, Refused)
    assert put.why is Refusal.BROKEN
    with pytest.raises(QueueFailed, match="its owner cannot be reached"):
        await remote.stats()
    await remote.close()


async def test_an_owner_that_goes_away_fails_what_waits_and_its_successor_is_found(
    queue: HeldQueue, path: Path, log: RecordingLog
) -> None:
    """A restart of the owner needs no restart of the others."""
    server = QueueServer(queue=queue, path=path, log=log)
    await server.start()
    remote = RemoteQueue(path)
    await remote.stats()
    queue.held = []
    put, found, left = remote.put(parcel()), remote.find("t0001"), remote.find("t0002")
    await until(lambda: len(queue.held or []) == 3)
    left.cancel()
    await server.close()
    assert isinstance(await put, Refused)
    with pytest.raises(QueueFailed):
        await found
    for held in queue.held:
        held.set_result(None)
    queue.held = None
    server = QueueServer(queue=queue, path=path, log=log)
    await server.start()
    assert isinstance(await remote.put(parcel()), Accepted)
    await remote.close()
    await server.close()


async def test_an_owner_that_does_not_answer_is_given_up(
    queue: HeldQueue, remote: RemoteQueue, log: RecordingLog
) -> None:
    """A caller is waiting; the answer that comes after all is dropped."""
    await remote.stats()
    queue.held = []
    put, found = remote.put(parcel()), remote.find("t0001")
    await until(lambda: len(queue.held or []) == 2)
    await advance(10.0)
    refused = await put
    assert isinstance(refused, Refused)
    assert "10 s" in refused.message
    with pytest.raises(QueueFailed, match="10 s"):
        await found
    queue.held[0].set_result(Accepted(ticket="t1", fresh=True))
    queue.held[1].set_result(None)
    assert (await remote.stats()).counts["queued"] == 1


async def test_a_caller_that_left_gets_no_answer(queue: HeldQueue, remote: RemoteQueue) -> None:
    """Its future is cancelled; the connection goes on."""
    await remote.stats()
    queue.held = []
    found = remote.find("t0001")
    await until(lambda: bool(queue.held))
    found.cancel()
    queue.held[0].set_result(None)
    assert (await remote.stats()).counts["queued"] == 0


async def test_calls_that_wait_are_bounded_in_number_and_bytes(
    queue: HeldQueue, server: QueueServer, path: Path
) -> None:
    """An owner that hangs must not fill its clients' memory."""
    remote = RemoteQueue(path, WireLimits(waiting_ops_max=2, waiting_bytes_max=10_000))
    queue.held = []
    large = remote.put(parcel(body=b"x" * 9000))
    put = await remote.put(parcel(body=b"x" * 1000))
    assert isinstance(put, Refused)
    assert put.why is Refusal.FULL
    found = remote.find("t0001")
    with pytest.raises(QueueFailed, match="2 calls wait"):
        await remote.find("t0001")
    await until(lambda: len(queue.held or []) == 2)
    queue.held[0].set_result(Accepted(ticket="t1", fresh=True))
    queue.held[1].set_result(None)
    assert isinstance(await large, Accepted)
    assert await found is None
    await remote.close()


async def test_close_waits_for_the_answers_that_are_due(
    queue: HeldQueue, server: QueueServer, path: Path
) -> None:
    """A ticket that was promised to a caller is still given to it."""
    remote = RemoteQueue(path)
    await remote.stats()
    queue.held = []
    put = remote.put(parcel())
    await until(lambda: bool(queue.held))
    closing = remote.close()
    queue.held[0].set_result(Accepted(ticket="t1", fresh=True))
    await closing
    assert isinstance(await put, Accepted)
    assert isinstance(await remote.put(parcel()), Refused)


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


async def test_a_heartbeat_does_not_carry_the_bodies(queue: HeldQueue, remote: RemoteQueue) -> None:
    """It comes every few seconds for every claim; which one and its token are all that it says."""
    sent: list[bytes] = []
    await parked(remote, body=b"x" * 100_000)
    claim = await claimed(remote)
    assert remote._writer is not None
    write = remote._writer.write
    remote._writer.write = lambda data: (sent.append(bytes(data)), write(data))[1]  # type: ignore[method-assign]
    assert await remote.extend([claim], 30.0) == 1
    assert await remote.complete(claim, ANSWER) is True
    assert max(map(len, sent)) < 1000


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


async def test_an_owner_that_is_not_understood_is_hung_up_on(path: Path) -> None:
    """Two versions of the program on one socket: an error in words, not a hang."""

    left = asyncio.Event()

    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_frame(reader, 1000)
        writer.write(b"\x00\x00\x00\x01\xc1")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        left.set()

    server = await asyncio.start_unix_server(babble, path)
    remote = RemoteQueue(path)
    with pytest.raises(QueueFailed, match="cannot be reached"):
        await remote.stats()
    await left.wait()
    server.close()
    await server.wait_closed()


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

"""The client of a queue in another process: broken connections, late answers, too much at once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.errors import QueueFailed
from proxy.offline.remote import RemoteQueue
from proxy.offline.server import QueueServer
from proxy.offline.wire import WireLimits, read_frame
from proxy.tickets import Accepted, Refusal, Refused
from tests.stand_ins.held_queue import HeldQueue, until
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER, claimed, parcel, parked
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


async def test_a_call_that_found_no_owner_is_not_made_later(
    queue: HeldQueue, path: Path, log: RecordingLog
) -> None:
    """Its caller was told that it failed, and may have asked again."""
    remote = RemoteQueue(path)
    assert isinstance(await remote.put(parcel()), Refused)
    server = QueueServer(queue=queue, path=path, log=log)
    await server.start()
    assert isinstance(await remote.put(parcel()), Accepted)
    assert (await remote.stats()).counts["queued"] == 1
    await remote.close()
    await server.close()


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


async def test_an_answer_in_time_ends_the_wait_for_it(
    remote: RemoteQueue, caplog: pytest.LogCaptureFixture
) -> None:
    """Its timer goes with it."""
    await parked(remote)
    await advance(10.0)
    assert caplog.records == []
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

"""The durable queue in trouble: a disk that fails, fills or stands still, and more work than may wait."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.errors import QueueFailed
from proxy.offline.limits import QueueLimits
from proxy.offline.quota import envelope_charge
from proxy.offline.sqlite import SqliteQueue, open_sqlite
from proxy.tickets import Accepted, Refusal, Refused
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.faulty_database import FaultyConnection, open_faulty
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER, claimed, parcel, parked, serial_ids
from tests.stand_ins.virtual_loop import advance

Faulty = tuple[SqliteQueue, FaultyConnection]

LIMITS = QueueLimits(stall_s=5.0, waiting_ops_max=4, waiting_bytes_max=10_000, group_ops_max=2)


pytestmark = pytest.mark.usefixtures("time_stands")


@pytest.fixture
async def faulty(tmp_path: Path, log: RecordingLog) -> AsyncIterator[Faulty]:
    queue, connection = open_faulty(tmp_path / "q.db", clock=ManualClock(), log=log, limits=LIMITS)
    yield queue, connection
    await queue.close()


async def test_a_commit_is_on_the_disk_before_the_ticket_is_given(faulty: Faulty) -> None:
    """FULL (2) syncs the write-ahead log at every commit; NORMAL would lose tickets with the power."""
    queue, connection = faulty
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with connection.stuck():
        put = queue.put(parcel())
        connection.wait_for_commit()
        await asyncio.sleep(0)
        assert not put.done()
    assert isinstance(await put, Accepted)


async def test_work_that_waits_shares_a_commit(faulty: Faulty) -> None:
    """A sync costs the same for one ticket as for many; but a group has its bounds."""
    queue, connection = faulty
    with connection.stuck():
        first = queue.put(parcel())
        connection.wait_for_commit()
        others = [queue.put(parcel()) for _ in range(3)]
    await asyncio.gather(first, *others)
    assert connection.commits == 3, "one alone, two together, and the one beyond the bound"


async def test_a_group_is_bounded_by_bytes_too(tmp_path: Path, log: RecordingLog) -> None:
    """One commit of many large bodies would keep every small one waiting."""
    limits = QueueLimits(group_bytes_max=2000)
    queue, connection = open_faulty(tmp_path / "q.db", clock=ManualClock(), log=log, limits=limits)
    with connection.stuck():
        first = queue.put(parcel())
        connection.wait_for_commit()
        others = [queue.put(parcel(body=b"x" * 2000)) for _ in range(3)]
    await asyncio.gather(first, *others)
    assert connection.commits == 4
    await queue.close()


@pytest.mark.parametrize("statement", ["BEGIN", "INSERT INTO tickets", "INSERT INTO envelopes", "COMMIT"])
async def test_a_put_that_the_disk_refuses_is_broken_and_leaves_nothing(
    faulty: Faulty, log: RecordingLog, statement: str
) -> None:
    """Never 202 for what is not durable, and no half of a ticket; the queue works on by itself."""
    queue, connection = faulty
    connection.faults[statement] = sqlite3.OperationalError("disk I/O error")
    for _ in range(2):
        put = await queue.put(parcel())
        assert put == Refused(why=Refusal.BROKEN, message="the offline queue could not write: disk I/O error")
    connection.faults.clear()
    assert await queue.list(None, 10, "") == []
    assert (await queue.stats()).stored_bytes == 0
    await parked(queue)
    assert [name for _, name, _ in log.events] == ["offline_queue_failing", "offline_queue_recovered"]


async def test_other_operations_on_a_failing_disk_fail_and_change_nothing(faulty: Faulty) -> None:
    """The caller is told; the ticket stays as it was."""
    queue, connection = faulty
    name = await parked(queue)
    claim = await claimed(queue)
    connection.faults["COMMIT"] = sqlite3.OperationalError("database or disk is full")
    with pytest.raises(QueueFailed, match="disk is full"):
        await queue.complete(claim, ANSWER)
    connection.faults.clear()
    assert await queue.complete(claim, ANSWER) is True
    ticket = await queue.find(name)
    assert ticket is not None
    assert ticket.answer == ANSWER


async def test_one_operation_that_fails_does_not_spoil_its_group(faulty: Faulty) -> None:
    """Done again one by one: the others' callers need not know."""
    queue, connection = faulty
    with connection.stuck():
        first = queue.put(parcel())
        connection.wait_for_commit()
        good = queue.put(parcel())
        bad = queue.put(parcel(request_id="\udcff"))  # no text that a database can hold
        other = queue.put(parcel())
    assert isinstance(await first, Accepted)
    assert isinstance(await good, Accepted)
    assert isinstance(await other, Accepted)
    with pytest.raises(UnicodeEncodeError):
        await bad
    assert len(await queue.list(None, 10, "")) == 3


async def test_a_roll_back_that_fails_is_tried_again(faulty: Faulty) -> None:
    """A transaction left open must not block the queue for ever."""
    queue, connection = faulty
    connection.faults["COMMIT"] = sqlite3.OperationalError("disk I/O error")
    connection.faults["ROLLBACK"] = sqlite3.OperationalError("disk I/O error")
    assert isinstance(await queue.put(parcel()), Refused)
    connection.faults.clear()
    assert isinstance(await queue.put(parcel()), Refused), "BEGIN fails once, and rolls back"
    await parked(queue)
    assert len(await queue.list(None, 10, "")) == 1


async def test_a_full_disk_refuses_and_room_that_returns_is_used(tmp_path: Path, log: RecordingLog) -> None:
    """SQLite's own SQLITE_FULL, by a bound on the file's pages."""
    clock = ManualClock()
    queue = await open_sqlite(tmp_path / "q.db", clock=clock, log=log, new_id=serial_ids())
    connection = queue._writer._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages + 40}")
    accepted = []
    while isinstance(put := await queue.put(parcel(body=b"x" * 10_000)), Accepted):
        accepted.append(put.ticket)
    assert put.why is Refusal.BROKEN
    assert "full" in put.message
    assert accepted
    assert [ticket.id for ticket in await queue.list(None, 100, "")] == accepted
    await queue.cancel(accepted[0])
    await queue.cancel(accepted[1])
    assert isinstance(await queue.put(parcel(body=b"x" * 10_000)), Accepted)
    await queue.close()


async def test_a_put_behind_a_stuck_disk_is_refused_and_leaves_nothing(
    faulty: Faulty, log: RecordingLog
) -> None:
    """Its caller goes elsewhere: the ticket must not appear afterwards, in the queue or in a claim."""
    queue, connection = faulty
    with connection.stuck():
        begun = queue.put(parcel(key="a"))
        connection.wait_for_commit()
        waiting = queue.put(parcel(key="b"))
        await advance(5)
        for put in (await begun, await waiting):
            assert isinstance(put, Refused)
            assert put.why is Refusal.BROKEN
            assert "5 s" in put.message
    assert await queue.claim(10, 30.0) == []
    assert await queue.list(None, 10, "") == []
    assert (await queue.stats()).stored_bytes == 0
    assert len(log.named("offline_queue_stalled")) == 2


async def test_a_withdrawn_put_stays_for_one_that_was_given_its_ticket(faulty: Faulty) -> None:
    """Two requests under one key in one commit: the second one's caller has the ticket."""
    queue, connection = faulty
    with connection.stuck():
        stats = queue.stats()
        connection.wait_for_commit()
        first = queue.put(parcel(key="k"))
        await advance(3)
        second = queue.put(parcel(key="k"))
        connection.let_one_through()
        connection.wait_for_commit()
        await advance(2)
        assert isinstance(await first, Refused)
        assert not second.done()
    await stats
    put = await second
    assert isinstance(put, Accepted)
    assert not put.fresh
    assert await queue.find(put.ticket) is not None


async def test_a_withdrawn_put_that_meets_an_earlier_ticket_leaves_it_alone(faulty: Faulty) -> None:
    """Only what the put itself made is erased."""
    queue, connection = faulty
    name = await parked(queue, key="k")
    with connection.stuck():
        again = queue.put(parcel(key="k"))
        connection.wait_for_commit()
        await advance(5)
        assert isinstance(await again, Refused)
    assert await queue.find(name) is not None


async def test_a_withdrawn_put_is_erased_when_the_queue_closes(tmp_path: Path, log: RecordingLog) -> None:
    """There may be no next operation to do it."""
    queue, connection = open_faulty(tmp_path / "q.db", clock=ManualClock(), log=log, limits=LIMITS)
    with connection.stuck():
        put = queue.put(parcel())
        connection.wait_for_commit()
        await advance(5)
        assert isinstance(await put, Refused)
        closing = queue.close()
    await closing
    again = await open_sqlite(tmp_path / "q.db", clock=ManualClock(), log=log)
    assert await again.list(None, 10, "") == []
    await again.close()


async def test_a_commit_that_returns_in_time_is_no_stall(faulty: Faulty, log: RecordingLog) -> None:
    """The watch over waiting puts must not catch those that came later."""
    queue, connection = faulty
    with connection.stuck():
        first = queue.put(parcel())
        connection.wait_for_commit()
        await advance(4)
        second = queue.put(parcel())
        await advance(1)
        assert isinstance(await first, Refused)
        await advance(3)
        connection.let_one_through()
        connection.wait_for_commit()
        assert not second.done()
    assert isinstance(await second, Accepted)
    await advance(10)
    assert len(log.named("offline_queue_stalled")) == 1


async def test_a_put_settled_as_the_watch_looks_is_accepted(faulty: Faulty) -> None:
    """Whoever is first decides: a committed ticket is never refused."""
    queue, _ = faulty
    put = queue.put(parcel())
    (operation,) = [operation for _, operation in queue._puts]
    while operation.outcome is None:  # the thread's work, not the loop's turn
        pass
    assert queue._writer.withdraw(operation) is False
    asyncio.get_running_loop().time_s += 10.0  # type: ignore[attr-defined]
    queue._look_for_stalled()
    assert isinstance(await put, Accepted)


async def test_more_work_than_may_wait_is_refused_at_once(faulty: Faulty) -> None:
    """A stuck disk must not fill the memory; holders of claims are bounded by their claims."""
    queue, connection = faulty
    await parked(queue)
    claim = await claimed(queue)
    with connection.stuck():
        puts = [queue.put(parcel()) for _ in range(4)]
        put = await queue.put(parcel())
        assert isinstance(put, Refused)
        assert put.why is Refusal.FULL
        with pytest.raises(QueueFailed, match="4 operations wait"):
            await queue.find("t0001")
        completed = queue.complete(claim, ANSWER)
    assert all(isinstance(each, Accepted) for each in await asyncio.gather(*puts))
    assert await completed is True
    assert isinstance(await queue.put(parcel()), Accepted), "room comes back"


async def test_the_bytes_that_wait_are_bounded(faulty: Faulty) -> None:
    """Four bodies of the largest size are not four small ones."""
    queue, connection = faulty
    large = parcel(body=b"x" * (10_000 - envelope_charge(parcel(body=b""))))
    with connection.stuck():
        first = queue.put(large)
        put = await queue.put(parcel(body=b""))
        assert isinstance(put, Refused)
        assert put.why is Refusal.FULL
    assert isinstance(await first, Accepted)
    assert isinstance(await queue.put(large), Accepted)


async def test_a_caller_that_leaves_does_not_stop_its_write(faulty: Faulty) -> None:
    """A write that has begun is never cancelled."""
    queue, connection = faulty
    with connection.stuck():
        put = queue.put(parcel())
        connection.wait_for_commit()
        put.cancel()
    assert len(await queue.list(None, 10, "")) == 1


async def test_close_finishes_what_was_asked_before(tmp_path: Path, log: RecordingLog) -> None:
    """A ticket that is being written when the proxy stops is still given."""
    limits = QueueLimits(batch_tickets_max=1)
    queue, connection = open_faulty(tmp_path / "q.db", clock=ManualClock(), log=log, limits=limits)
    for _ in range(3):
        await parked(queue)
    for claim in await queue.claim(3, 30.0):
        await queue.bury(claim, "poison")
    with connection.stuck():
        put = queue.put(parcel())
        redriven = queue.redrive([])
        closing = queue.close()
    await asyncio.gather(closing, queue.close())
    assert isinstance(await put, Accepted)
    assert await redriven == 3


def test_a_loop_that_has_gone_does_not_hang_the_writer(tmp_path: Path, log: RecordingLog) -> None:
    """The process ends without closing: what was being written is written, and nobody is told."""

    async def leave() -> tuple[SqliteQueue, FaultyConnection]:
        queue, connection = open_faulty(tmp_path / "q.db", clock=ManualClock(), log=log)
        connection._held = True
        queue.put(parcel())
        connection.wait_for_commit()
        return queue, connection

    queue, connection = asyncio.run(leave())
    connection._held = False
    connection.let_one_through()
    queue._writer.stop()
    queue._writer._thread.join(timeout=20)
    assert not queue._writer._thread.is_alive()
    queue._ownership.release()


async def test_an_owner_that_was_killed_holds_no_ticket_back(tmp_path: Path, log: RecordingLog) -> None:
    """Its leases would keep claimed tickets waiting for half a minute after a restart."""
    clock = ManualClock()
    queue = await open_sqlite(tmp_path / "q.db", clock=clock, log=log)
    ticket = await parked(queue)
    (before,) = await queue.claim(1, 30.0)
    await queue.close()
    queue = await open_sqlite(tmp_path / "q.db", clock=clock, log=log)
    assert not await queue.complete(before, ANSWER), "its token went with it"
    (again,) = await queue.claim(1, 30.0)
    assert (again.ticket, again.tries) == (ticket, 2)
    assert await queue.complete(again, ANSWER)
    await queue.close()

"""The offline queues that one contract holds for: in memory, in SQLite, and over a socket."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.offline.memory import MemoryQueue
from proxy.offline.remote import RemoteQueue
from proxy.offline.server import QueueServer
from proxy.offline.sqlite import open_sqlite
from proxy.ports import OfflineQueue
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import NARROW, serial_ids


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite", "remote"])
async def queue(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[OfflineQueue]:
    if request.param == "memory":
        yield MemoryQueue(clock=clock, limits=NARROW, new_id=serial_ids())
        return
    log = RecordingLog()
    owned = await open_sqlite(tmp_path / "q.db", clock=clock, log=log, limits=NARROW, new_id=serial_ids())
    if request.param == "sqlite":
        yield owned
    else:
        server = QueueServer(queue=owned, path=tmp_path / "q.db.sock", log=log)
        await server.start()
        remote = RemoteQueue(tmp_path / "q.db.sock")
        yield remote
        await remote.close()
        await server.close()
    await owned.close()
    assert log.events == [], "nothing went wrong, so nothing is to be logged"

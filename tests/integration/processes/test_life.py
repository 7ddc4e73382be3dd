"""How several processes begin and end: together, or one by one."""

import asyncio
import os
import signal
from pathlib import Path

from sim.stubs.behaviours import Latency, Never, Refuse
from sim.stubs.server import StubServer
from tests.integration.callers import Gone, ask, eventually, get, infer, labelled
from tests.integration.processes.families import (
    CALLERS,
    TABLE,
    FamilyProcess,
    Start,
    alive,
    so,
)
from tests.integration.test_commands import penstock, serve


async def test_sigterm_lets_the_requests_of_all_processes_end(
    start: Start, stub: StubServer, tmp_path: Path
) -> None:
    """Nobody is cut off, no process is left, and the queue can be opened again."""
    stub.behave(Latency(delay=0.5))
    queue = f"sqlite:///{tmp_path}/q.db"
    proxy = await start(queue=queue)
    children = proxy.children().values()
    asked = [asyncio.create_task(ask(proxy.port, infer(labelled(1)))) for _ in range(CALLERS)]
    await eventually(lambda: so(stub.inflight == CALLERS), 10, "all in flight")
    assert await proxy.stop() == 0
    assert {response.status for response in await asyncio.gather(*asked)} == {200}
    assert not any(alive(pid) for pid in children)
    (event,) = proxy.events("ended")
    assert event["cut_off"] == 0
    assert (await penstock("queue", "stats", "--queue", queue)).code == 0


async def test_pinned_processes_keep_to_a_core_each_also_when_started_again(
    stub: StubServer, tmp_path: Path
) -> None:
    """The system may put both on one core for long: on a machine of their own they must not share it."""
    path = tmp_path / "table.yaml"
    path.write_text(TABLE.format(url=stub.url, limits=""))
    proxy = FamilyProcess(path, "memory://", tmp_path / "log", "--pin")
    await proxy.start()
    cores = [{core} for core in sorted(os.sched_getaffinity(0))[:2]]
    assert [os.sched_getaffinity(pid) for _, pid in sorted(proxy.children().items())] == cores
    os.kill(proxy.children()[2], signal.SIGKILL)
    await proxy.whole_again(1)
    assert [os.sched_getaffinity(pid) for _, pid in sorted(proxy.children().items())] == cores
    assert await proxy.stop() == 0


async def test_a_second_signal_does_not_wait_for_the_requests_of_any_process(
    stub: StubServer, tmp_path: Path
) -> None:
    """Whoever presses Ctrl-C twice means it."""
    stub.behave(Never())
    path = tmp_path / "table.yaml"
    path.write_text(TABLE.format(url=stub.url, limits="").replace("10000", "500000"))
    proxy = FamilyProcess(path, "memory://", tmp_path / "log", "--drain-s", "60")
    await proxy.start()
    asked = [asyncio.create_task(ask(proxy.port, infer(labelled(1)))) for _ in range(8)]
    await eventually(lambda: so(stub.inflight == 8), 10, "all in flight")
    proxy.signal(signal.SIGINT)
    await eventually(lambda: so(bool(proxy.events("draining"))), 10, "the drain")
    proxy.signal(signal.SIGINT)
    async with asyncio.timeout(30):  # half of what it would take without the second one
        assert await proxy.wait() == 0
    assert {type(each) for each in await asyncio.gather(*asked, return_exceptions=True)} == {Gone}
    assert proxy.events("ended")[0]["cut_off"] == 8


async def test_children_of_a_killed_supervisor_end_their_requests_and_end(
    start: Start, stub: StubServer, tmp_path: Path
) -> None:
    """Nobody is left who would serve an old table for ever; the tickets are there for the next one."""
    stub.behave(Latency(delay=0.5))
    queue = f"sqlite:///{tmp_path}/q.db"
    proxy = await start(queue=queue)
    parked = await ask(proxy.port, infer(labelled(1), "Prefer: respond-async"))
    children = proxy.children().values()
    asked = [asyncio.create_task(ask(proxy.port, infer(labelled(1)))) for _ in range(8)]
    await eventually(lambda: so(stub.inflight >= 8), 10, "all in flight")
    await proxy.kill()
    assert {response.status for response in await asyncio.gather(*asked)} == {200}
    await eventually(lambda: so(not any(alive(pid) for pid in children)), 20, "all children ended")
    stub.behave(Refuse())
    again = await start(queue=queue)
    assert (await get(again.port, f"/v1/tickets/{parked.json['ticket']}")).status in (200, 202)


async def test_a_table_that_one_process_cannot_serve_leaves_the_others_serving(
    stub: StubServer, tmp_path: Path
) -> None:
    """It is said in the log, tried again ever more slowly, and mended without a restart of all."""
    good = "def mine(payload):\n    return [1]\n"
    labeler = tmp_path / "mine.py"
    labeler.write_text(good)
    path = tmp_path / "table.yaml"
    text = TABLE.format(url=stub.url, limits="").replace(
        "json-field, path: parameters.label", "'mine.py:mine'"
    )
    path.write_text(text)
    async with FamilyProcess(path, "memory://", tmp_path / "log") as proxy:
        labeler.write_text("no python at all\n")
        os.kill(proxy.children()[1], signal.SIGKILL)
        await eventually(lambda: so(len(proxy.events("process_ended")) >= 3), 20, "two vain starts")
        assert "mine.py" in str(proxy.events("process_ended")[1]["why"])
        assert (await ask(proxy.port, infer(labelled(1)))).status == 200
        assert (await proxy.admin("/readyz")).status == 200
        labeler.write_text(good)
        await eventually(lambda: _serving(proxy, 2), 30, "both serve again")
    waits = [float(str(event["next_in_s"])) for event in proxy.events("process_ended")]
    assert waits == sorted(waits)
    assert waits[0] < waits[-1]


async def _serving(proxy: FamilyProcess, count: int) -> bool:
    return await proxy.metric('penstock_processes{state="serving"}') == count


async def test_an_address_that_another_family_serves_is_refused(start: Start, tmp_path: Path) -> None:
    """The kernel would deal each of the two proxies a part of the other's callers."""
    proxy = await start()
    ended = await serve(tmp_path / "table.yaml", "--listen", f"127.0.0.1:{proxy.port}", "--processes", "2")
    assert ended.code == 1
    assert "in use" in ended.err


async def test_children_that_cannot_start_end_the_start_with_their_reason(
    stub: StubServer, tmp_path: Path
) -> None:
    """A proxy that cannot start says why and ends: it does not try for ever."""
    marker = tmp_path / "first"
    (tmp_path / "mine.py").write_text(
        f"import pathlib\np = pathlib.Path({str(marker)!r})\n"
        "if p.exists():\n    raise ValueError('only once')\np.touch()\ndef mine(payload):\n    return [1]\n"
    )
    path = tmp_path / "table.yaml"
    text = TABLE.format(url=stub.url, limits="").replace(
        "json-field, path: parameters.label", "'mine.py:mine'"
    )
    path.write_text(text)
    ended = await serve(path, "--processes", "2")
    assert ended.code == 1
    assert "only once" in ended.err

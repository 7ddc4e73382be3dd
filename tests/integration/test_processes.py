"""`penstock serve --processes N`: one proxy, whatever the number of its processes."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from sim.stubs.behaviours import Latency, Refuse, Status
from sim.stubs.server import StubServer
from tests.integration.callers import Gone, Response, ask, ask_many, calling, eventually, get, infer, labelled
from tests.integration.families import FamilyProcess, alive, callers_of
from tests.integration.test_commands import penstock, serve
from tests.integration.test_reload import put_in_place
from tests.integration.test_reload import table as two_tiers

TABLE = """
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
applications:
  a: {{endpoints: "{url}"{limits}}}
routes:
  - {{application: a, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: 1}}
"""

CONCURRENCY = 5
CALLERS = 32
NO_TICKET = "Penstock-Fallback: none"


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer("stub", calls_kept=100_000) as stub:
        yield stub


Start = Callable[..., Awaitable[FamilyProcess]]


@pytest.fixture
async def start(stub: StubServer, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a proxy of two processes over the stub; `limits` are the application's."""
    started: list[FamilyProcess] = []

    async def start(*, limits: str = "", queue: str = "memory://", processes: int = 2) -> FamilyProcess:
        path = tmp_path / "table.yaml"
        path.write_text(TABLE.format(url=stub.url, limits=limits))
        proxy = FamilyProcess(path, queue, tmp_path / "log", processes=processes)
        started.append(proxy)
        await proxy.start()
        return proxy

    yield start
    for proxy in started:
        await proxy.stop()


def some(count: int, *fields: str) -> Iterator[bytes]:
    return itertools.repeat(infer(labelled(1), *fields), count)


async def at_rest(proxy: FamilyProcess) -> bool:
    return await proxy.metric('penstock_inflight{application="a"}') == 0


async def test_calls_in_flight_stay_within_the_limit_of_all_processes_together(
    start: Start, stub: StubServer
) -> None:
    """Counted at the model server: a limit that each process had for itself would let twice as many in."""
    stub.behave(Latency(delay=0.01))
    proxy = await start(limits=f", concurrency: {CONCURRENCY}")
    statuses: list[int] = []
    async with asyncio.timeout(60):
        await ask_many(
            proxy.port, some(2_000, NO_TICKET), lambda response: statuses.append(response.status), CALLERS
        )
    assert stub.inflight_peak == CONCURRENCY
    assert set(statuses) == {200, 503}, "nobody was turned away: the limit was never reached"
    assert statuses.count(200) == stub.received
    assert await at_rest(proxy)


async def test_calls_start_within_the_rate_of_all_processes_together(start: Start, stub: StubServer) -> None:
    """In no span do more calls arrive than rate · span + burst; the way to the stub may bunch a few."""
    rate, burst, bunched = 200, 5, 8
    proxy = await start(limits=f", rate: {rate}, burst: {burst}")
    async with asyncio.timeout(60):
        await ask_many(proxy.port, some(3_000, NO_TICKET), lambda _: None, CALLERS)
    times = [call.at_s for call in stub.calls]
    for first, last in itertools.combinations(range(len(times)), 2):
        assert last - first + 1 <= rate * (times[last] - times[first]) + burst + bunched
    assert len(times) > burst + bunched
    assert await at_rest(proxy)


async def test_a_killed_process_gives_its_permits_back_and_the_other_goes_on(
    start: Start, stub: StubServer, tmp_path: Path
) -> None:
    """kill -9 under load: only what was on its connections is lost, never a ticket that was given."""
    stub.behave(Latency(delay=0.02))
    proxy = await start(limits=f", concurrency: {CONCURRENCY}", queue=f"sqlite:///{tmp_path}/q.db")
    victim = proxy.children()[1]
    tickets: list[str] = []
    failed: list[int] = []
    ended = asyncio.Event()

    async def caller(*fields: str) -> None:
        async with calling(proxy.port) as caller:
            port: int = caller._transport.get_extra_info("sockname")[1]  # type: ignore[union-attr]
            while not ended.is_set():
                try:
                    response = await caller.ask(infer(labelled(1), *fields))
                except (Gone, OSError):
                    failed.append(port)
                    return
                assert response.status in (200, 202)
                if response.status == 202:
                    tickets.append(response.json["ticket"])
                    await asyncio.sleep(0.02)

    load = [asyncio.create_task(caller()) for _ in range(CALLERS // 2)]
    load += [asyncio.create_task(caller("Prefer: respond-async")) for _ in range(CALLERS // 2)]
    await asyncio.sleep(0.5)
    lost = callers_of(victim, proxy.port)
    assert 0 < len(lost) < CALLERS
    os.kill(victim, signal.SIGKILL)
    await proxy.whole_again(restarts=1)
    assert proxy.children()[1] != victim
    assert (await ask(proxy.port, infer(labelled(1), "Prefer: respond-async"))).status == 202
    ended.set()
    await asyncio.gather(*load)
    assert set(failed) == lost
    await eventually(lambda: at_rest(proxy), 20, "all permits back")
    await _all_done(proxy, tickets)
    assert stub.inflight_peak <= CONCURRENCY
    (event,) = proxy.events("process_ended")
    assert (event["process"], event["status"]) == (1, -signal.SIGKILL)


async def _all_done(proxy: FamilyProcess, tickets: list[str]) -> None:
    assert tickets

    async def done(ticket: str) -> bool:
        response = await get(proxy.port, f"/v1/tickets/{ticket}")
        assert response.status in (200, 202), response
        return response.status == 200

    for ticket in tickets:
        await eventually(lambda ticket=ticket: done(ticket), 60, ticket)  # type: ignore[misc]


async def test_reloads_under_load_mix_no_tables_and_reach_every_process(tmp_path: Path) -> None:
    """Each request is routed by one whole table, and a generation is the same table everywhere."""
    async with StubServer("failing", Status(code=500)) as failing, StubServer("serving") as serving:
        path = tmp_path / "table.yaml"
        put_in_place(path, two_tiers("a", failing.url, serving.url))
        of_generation: dict[str, str] = {}
        ended = asyncio.Event()

        def heard(response: Response) -> None:
            assert response.status == 200, response
            (first, _, how), (second, _, last) = response.attempts
            assert (first, how, second, last) == (f"{first[0]}0", "failed", f"{first[0]}1", "ok")
            generation = response.headers["penstock-table"]
            assert of_generation.setdefault(generation, first[0]) == first[0], "one generation, two tables"

        def requests() -> Iterator[bytes]:
            while not ended.is_set():
                yield infer(labelled(1))

        async with FamilyProcess(path, "memory://", tmp_path / "log") as proxy:
            load = asyncio.create_task(ask_many(proxy.port, requests(), heard, connections=8))
            for number in range(2, 42):
                put_in_place(path, two_tiers("abcde"[number % 5], failing.url, serving.url))
                proxy.signal(signal.SIGHUP)
                await eventually(lambda number=number: _in_service(proxy, number), 20, f"table {number}")  # type: ignore[misc]
                after = [await ask(proxy.port, infer(labelled(1))) for _ in range(8)]
                newest = {int(response.headers["penstock-table"]) for response in after}
                assert min(newest) >= number, "a process serves an old table that the proxy calls replaced"
            ended.set()
            await load
            assert len(of_generation) > 20


async def _in_service(proxy: FamilyProcess, generation: int) -> bool:
    return bool((await proxy.admin("/readyz")).json["table"]["generation"] >= generation)


async def test_the_metrics_of_all_processes_are_one_page_and_survive_a_kill(
    start: Start, stub: StubServer
) -> None:
    """A counter that falls when a process dies would look like a restart of everything."""
    proxy = await start(limits=", concurrency: 1000")
    await ask_many(proxy.port, some(400), lambda _: None, CALLERS)
    served = 'penstock_requests_total{class="default",outcome="served",tier="0"}'
    assert await proxy.metric(served) == 400
    assert await proxy.metric('penstock_request_seconds_count{class="default"}') == 400
    assert await proxy.metric('penstock_labeler_events_total{kind="ok",labeler="json-field"}') == 400
    assert await proxy.metric('penstock_processes{state="serving"}') == 2
    for number, (_, pid) in enumerate(sorted(proxy.children().items()), 1):
        os.kill(pid, signal.SIGKILL)
        await proxy.whole_again(restarts=number)
    assert await proxy.metric(served) == 400
    await ask_many(proxy.port, some(100), lambda _: None, CALLERS)
    assert await proxy.metric(served) == 500


async def test_a_process_that_stands_still_is_told_apart_and_its_counts_stay(start: Start) -> None:
    """The page comes all the same, and no counter falls."""
    proxy = await start()
    await ask_many(proxy.port, some(200), lambda _: None, CALLERS)
    served = 'penstock_requests_total{class="default",outcome="served",tier="0"}'
    assert await proxy.metric(served) == 200
    os.kill(proxy.children()[1], signal.SIGSTOP)
    try:
        assert await proxy.metric('penstock_processes{state="silent"}') == 1
        assert await proxy.metric(served) == 200
    finally:
        os.kill(proxy.children()[1], signal.SIGCONT)
    await proxy.whole_again(restarts=0)


async def test_a_drained_application_is_out_in_every_process_also_in_one_started_later(start: Start) -> None:
    """An operator drains the application, not one process's idea of it."""
    proxy = await start()
    assert (await proxy.admin("/v1/applications/a/drain", "POST")).status == 200
    os.kill(proxy.children()[2], signal.SIGKILL)
    await proxy.whole_again(restarts=1)
    answers: list[Response] = []
    await ask_many(proxy.port, some(64, NO_TICKET), answers.append, CALLERS)
    assert {answer.status for answer in answers} == {503}
    assert b"drained" in answers[0].body
    (state,) = (await proxy.admin("/v1/applications")).json["applications"]
    assert state["drained"] is True
    assert (await proxy.admin("/v1/applications/a/undrain", "POST")).status == 200
    await ask_many(proxy.port, some(64, NO_TICKET), answers.append, CALLERS)
    assert {answer.status for answer in answers[64:]} == {200}


async def test_a_breaker_that_rejects_in_one_process_shows(start: Start, stub: StubServer) -> None:
    """The page and the explanation tell the worst that a caller can meet."""
    proxy = await start(limits=", breaker: {consecutive: 3, rest: 60000, restMax: 60000}")
    stub.behave(Status(code=500))
    async with calling(proxy.port) as caller:
        for _ in range(3):
            assert (await caller.ask(infer(labelled(1), NO_TICKET))).status == 503
    assert await proxy.metric('penstock_breaker_state{application="a"}') == 2
    head = b'POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{"labels": 1}'
    explained = (await ask(proxy.admin_port, head)).json
    assert explained["tiers"][0]["rows"][0]["out"] == "breaker"


async def test_sigterm_lets_the_requests_of_all_processes_end(
    start: Start, stub: StubServer, tmp_path: Path
) -> None:
    """Nobody is cut off, no process is left, and the queue can be opened again."""
    stub.behave(Latency(delay=0.5))
    queue = f"sqlite:///{tmp_path}/q.db"
    proxy = await start(queue=queue)
    children = proxy.children().values()
    asked = [asyncio.create_task(ask(proxy.port, infer(labelled(1)))) for _ in range(CALLERS)]
    await eventually(lambda: _so(stub.inflight == CALLERS), 10, "all in flight")
    assert await proxy.stop() == 0
    assert {response.status for response in await asyncio.gather(*asked)} == {200}
    assert not any(alive(pid) for pid in children)
    (event,) = proxy.events("ended")
    assert event["cut_off"] == 0
    assert (await penstock("queue", "stats", "--queue", queue)).code == 0


async def _so(value: bool) -> bool:
    return value


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
    await eventually(lambda: _so(stub.inflight >= 8), 10, "all in flight")
    await proxy.kill()
    assert {response.status for response in await asyncio.gather(*asked)} == {200}
    await eventually(lambda: _so(not any(alive(pid) for pid in children)), 20, "all children ended")
    stub.behave(Refuse())
    again = await start(queue=queue)
    assert (await get(again.port, f"/v1/tickets/{parked.json['ticket']}")).status in (200, 202)


async def test_the_queue_tools_work_beside_several_processes(
    start: Start, stub: StubServer, tmp_path: Path
) -> None:
    """Tickets of all processes are in one queue."""
    stub.behave(Refuse())
    queue = f"sqlite:///{tmp_path}/q.db"
    proxy = await start(queue=queue)
    answers: list[Response] = []
    await ask_many(proxy.port, some(40, "Prefer: respond-async"), answers.append, 8)
    assert {answer.status for answer in answers} == {202}
    stats = await penstock("queue", "stats", "--queue", queue, "--json")
    assert stats.code == 0
    assert '"queued": 40' in stats.out or '"running"' in stats.out
    assert (await proxy.admin("/v1/queue")).json["counts"]


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
        await eventually(lambda: _so(len(proxy.events("process_ended")) >= 3), 20, "two vain starts")
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

"""Several processes are one proxy for who operates it: one table, one page, one queue."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from sim.stubs.behaviours import Refuse, Status
from sim.stubs.server import StubServer
from tests.integration.callers import Response, ask, ask_many, calling, eventually, infer, labelled
from tests.integration.processes.families import (
    CALLERS,
    NO_TICKET,
    FamilyProcess,
    Start,
    in_service,
    some,
)
from tests.integration.test_commands import penstock
from tests.integration.test_reload import put_in_place
from tests.integration.test_reload import table as two_tiers


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
                await eventually(lambda number=number: in_service(proxy, number), 20, f"table {number}")  # type: ignore[misc]
                after = [await ask(proxy.port, infer(labelled(1))) for _ in range(8)]
                newest = {int(response.headers["penstock-table"]) for response in after}
                assert min(newest) >= number, "a process serves an old table that the proxy calls replaced"
            ended.set()
            await load
            assert len(of_generation) > 20


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


async def test_an_operator_is_answered_while_every_process_stands_still(start: Start) -> None:
    """By what the supervisor knows of itself."""
    proxy = await start(limits=", concurrency: 7")
    for pid in proxy.children().values():
        os.kill(pid, signal.SIGSTOP)
    try:
        (state,) = (await proxy.admin("/v1/applications")).json["applications"]
        assert (state["permits_limit"], state["breaker"]) == (7, "admitting")
        assert await in_service(proxy, 1)
        assert (await _explained(proxy))["out"] is None
    finally:
        for pid in proxy.children().values():
            os.kill(pid, signal.SIGCONT)
    await proxy.whole_again(restarts=0)


async def _explained(proxy: FamilyProcess) -> dict[str, object]:
    head = b'POST /v1/explain HTTP/1.1\r\nHost: a\r\nContent-Length: 13\r\n\r\n{"labels": 1}'
    row: dict[str, object] = (await ask(proxy.admin_port, head)).json["tiers"][0]["rows"][0]
    return row


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
    row = await _explained(proxy)
    assert (row["out"], row["out_in"], row["share"]) == ("breaker", 1, 0.5)


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

"""Limits hold over all processes together, whoever of them dies."""

import asyncio
import itertools
import os
import signal
from pathlib import Path

from sim.stubs.behaviours import Latency
from sim.stubs.server import StubServer
from tests.integration.callers import Gone, ask, ask_many, calling, eventually, get, infer, labelled
from tests.integration.processes.families import (
    CALLERS,
    NO_TICKET,
    FamilyProcess,
    Start,
    at_rest,
    callers_of,
    some,
)

CONCURRENCY = 5


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
    rate, burst, bunched = 200, 5, 20
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


async def test_tickets_stay_where_they_are_while_callers_of_any_process_want_every_permit(
    start: Start, stub: StubServer, tmp_path: Path
) -> None:
    """The supervisor sends them, its children know the pressure.

    Between two bursts of callers the only permit is free for long enough to send a ticket.
    """
    stub.behave(Latency(delay=0.1))
    proxy = await start(limits=", concurrency: 1", queue=f"sqlite:///{tmp_path}/q.db")
    await _burst(proxy)
    tickets = [
        (await ask(proxy.port, infer(labelled(1), "Prefer: respond-async"))).json["ticket"] for _ in range(5)
    ]
    for _ in range(6):
        await _burst(proxy)
        await asyncio.sleep(0.3)
    shown = [(await get(proxy.port, f"/v1/tickets/{ticket}")).status for ticket in tickets]
    assert shown == [202] * 5
    await _all_done(proxy, tickets)


async def _burst(proxy: FamilyProcess) -> None:
    """More callers at once than there are permits."""
    asked = [ask(proxy.port, infer(labelled(1), NO_TICKET)) for _ in range(12)]
    assert 503 in [response.status for response in await asyncio.gather(*asked)]

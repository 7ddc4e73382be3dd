"""kill -9 under load: every ticket that a caller was given is found again and ends once."""

import asyncio
import random
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from sim.stubs.behaviours import Ok, Refuse
from sim.stubs.server import StubServer
from tests.integration.callers import Caller, Gone, calling, infer, labelled
from tests.integration.proxies import ProxyProcess

ROUNDS = 100
"""Kills of each of two proxies."""

CALLERS = 8
PAUSE_S = 0.01
"""Between a caller's requests: what counts is the number of kills, not of tickets."""

SEED = random.SystemRandom().getrandbits(32)

TABLE = """
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
applications:
  1: {{endpoints: "{url}", breaker: {{rest: 50, restMax: 100}}}}
routes:
  - {{application: 1, timeout: 5000, weight: 1, priority: 0, clusterType: http, label: 1}}
"""


class Ledger:
    """What callers were promised, and what became of it."""

    def __init__(self) -> None:
        self.promised: dict[str, str] = {}  # ticket → the id in its request
        self.verdicts: Counter[int] = Counter()

    def note(self, ticket: str, request_id: str) -> None:
        assert ticket not in self.promised, "one ticket for two requests"
        self.promised[ticket] = request_id


async def _load(port: int, name: str, ledger: Ledger) -> None:
    """One caller: asks until the proxy dies under it. Half of its requests want a ticket at once."""
    try:
        async with calling(port) as caller:
            for number in range(100_000):
                await _one(caller, f"{name}-{number}", number % 2 == 0, ledger)
                await asyncio.sleep(PAUSE_S)
    except (Gone, OSError):
        return


async def _one(caller: Caller, name: str, at_once: bool, ledger: Ledger) -> None:
    prefer = ["Prefer: respond-async"] if at_once else []
    response = await caller.ask(infer(labelled(1, id=name), *prefer))
    ledger.verdicts[response.status] += 1
    assert response.status in (200, 202, 503), response
    if response.status == 202:
        ledger.note(response.json["ticket"], name)


@pytest.mark.long
async def test_200_kills_lose_no_ticket_and_end_each_once(tmp_path: Path) -> None:
    """A 202 is a promise.

    The model server comes and goes, so that kills meet puts, claims and completions alike. Two proxies, each
    with a queue of its own, are killed at the same time: starting one takes a core for a second.
    """
    print(f"seed {SEED}")
    folders = [tmp_path / "one", tmp_path / "two"]
    ledgers = await asyncio.gather(
        *(_killed(folder, random.Random(f"{SEED} {folder.name}")) for folder in folders)
    )
    for ledger in ledgers:
        print(f"{ROUNDS} kills, {len(ledger.promised)} promises, answers: {dict(ledger.verdicts)}")
        assert len(ledger.promised) > ROUNDS


async def _killed(folder: Path, rng: random.Random) -> Ledger:
    """Kill it so often, then look for every promise; the ledger of one proxy."""
    await asyncio.to_thread(folder.mkdir)
    ledger = Ledger()
    queue = f"sqlite:///{folder}/queue.db"
    table = folder / "table.yaml"
    async with StubServer("stub", calls_kept=1) as stub:
        table.write_text(TABLE.format(url=stub.url))
        for number in range(ROUNDS):
            stub.behave(Refuse() if rng.random() < 0.5 else Ok())
            proxy = ProxyProcess(table, queue, folder / "log", "--log-level", "error")
            await proxy.start()
            callers = [
                asyncio.create_task(_load(proxy.port, f"{number}-{caller}", ledger))
                for caller in range(CALLERS)
            ]
            await asyncio.sleep(rng.uniform(0.0, 0.25))
            await proxy.kill()
            await asyncio.gather(*callers)
        stub.behave(Ok())
        async with ProxyProcess(table, queue, folder / "log") as proxy:
            await _all_answered(proxy, ledger)
            depth = {
                status: await proxy.metric(f'penstock_queue_depth{{status="{status}"}}')
                for status in ("queued", "running", "dead", "expired", "cancelled")
            }
            assert set(depth.values()) == {0.0}, depth
    return ledger


async def _all_answered(proxy: ProxyProcess, ledger: Ledger) -> None:
    """Every promised ticket ends with the answer to its own request."""
    waiting = dict(ledger.promised)
    async with asyncio.timeout(300), calling(proxy.port) as caller:
        while waiting:
            for ticket, request_id in list(waiting.items()):
                result = await caller.ask(f"GET /v1/tickets/{ticket} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                assert result.status in (200, 202), (ticket, result)
                if result.status == 200:
                    assert msgspec.json.decode(result.body)["id"] == request_id
                    del waiting[ticket]
            await asyncio.sleep(0.2)

"""Hot reload as operators do it: the file is replaced or edited, the process gets SIGHUP, traffic goes on."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
import pytest

from sim.stubs.behaviours import Status
from sim.stubs.server import StubServer
from tests.integration.callers import Response, ask, ask_many, eventually, get, infer, labelled
from tests.integration.proxies import ProxyProcess

RELOADS = 1_000
INVALID_EVERY = 5


NEVER = "consecutive: 1000000, calls: 1000000"
"""A breaker that does not open: every request is to fail in tier 0."""


def table(letter: str, failing: str, serving: str) -> str:
    """A table whose tier 0 fails and whose tier 1 serves, with ids that name the table."""
    return f"""
version: 1
fallThrough: {{share: 1}}
labelers:
  - {{use: json-field, path: parameters.label}}
applications:
  {letter}0: {{endpoints: "{failing}", breaker: {{{NEVER}}}}}
  {letter}1: {{endpoints: "{serving}"}}
routes:
  - {{application: {letter}0, timeout: 20000, weight: 1, priority: 0, clusterType: http, label: 1}}
  - {{application: {letter}1, timeout: 20000, weight: 1, priority: 1, clusterType: http, label: 1}}
"""


def put_in_place(path: Path, text: str) -> None:
    """As deployment tools do it: a new file, renamed over the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.rename(path)


@pytest.fixture
async def stubs() -> AsyncIterator[tuple[str, str]]:
    async with AsyncExitStack() as stack:
        failing = await stack.enter_async_context(StubServer("failing", Status(code=500), calls_kept=1))
        serving = await stack.enter_async_context(StubServer("serving", calls_kept=1))
        yield failing.url, serving.url


async def test_1000_reloads_under_load_fail_no_request_and_mix_no_tables(
    stubs: tuple[str, str], tmp_path: Path
) -> None:
    """One in five is invalid. Tables A and B alternate; every request falls through once, so that a
    request which changed tables on its way would show a pair of one letter each.
    """
    path = tmp_path / "table.yaml"
    put_in_place(path, table("a", *stubs))
    letters: Counter[str] = Counter()
    of_generation: dict[str, str] = {}
    ended = asyncio.Event()

    def heard(response: Response) -> None:
        assert response.status == 200, response
        (first, _, how), (second, _, last) = response.attempts
        assert (first[1], how, second[1], last) == ("0", "failed", "1", "ok")
        assert first[0] == second[0], f"a mixture of tables: {response.attempts}"
        generation = response.headers["penstock-table"]
        assert of_generation.setdefault(generation, first[0]) == first[0], "one generation, two tables"
        letters[first[0]] += 1

    def requests() -> Iterator[bytes]:
        request = infer(labelled(1))
        while not ended.is_set():
            yield request

    async with ProxyProcess(path, "memory://", tmp_path / "log") as proxy:
        load = asyncio.create_task(ask_many(proxy.port, requests(), heard, connections=8))
        valid = 0
        for number in range(1, RELOADS + 1):
            refused = number % INVALID_EVERY == 0
            valid += not refused
            letter = "ab"[valid % 2]
            text = table(letter, *stubs)
            put_in_place(path, text.replace("routes:", "rowtes:") if refused else text)
            proxy.signal(signal.SIGHUP)
            await _reloaded(proxy, refused, valid + 1)
            assert not load.done(), load.exception()
        ended.set()
        await load
        counts = {
            result: await proxy.metric(f'penstock_table_reloads_total{{result="{result}"}}')
            for result in ("accepted", "refused")
        }
        # Where the watcher saw a file before its signal came, the signal built the same table once more.
        assert await proxy.metric("penstock_table_generation") >= valid + 1
    assert counts["accepted"] >= RELOADS * 4 // 5
    assert counts["refused"] >= RELOADS // 5
    assert set(letters) == {"a", "b"}
    print(f"{RELOADS} reloads, {sum(letters.values())} requests, {len(of_generation)} generations seen")
    assert sum(letters.values()) > RELOADS


async def _reloaded(proxy: ProxyProcess, refused: bool, generation: int) -> None:
    """Wait until the proxy has taken or refused what was put in place."""

    async def seen() -> bool:
        state = (await proxy.admin("/readyz")).json["table"]
        if refused:
            return not state["last_reload_ok"]
        return bool(state["last_reload_ok"] and state["generation"] >= generation)

    await eventually(seen, 20, f"generation {generation}, refused: {refused}")


async def test_a_file_is_taken_without_a_signal_however_it_is_replaced(
    stubs: tuple[str, str], tmp_path: Path
) -> None:
    """Edits in place, atomic renames, and the symlink flips of a Kubernetes ConfigMap."""
    for version, letter in (("v1", "a"), ("v2", "b")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "table.yaml").write_text(table(letter, *stubs))
    data = tmp_path / "..data"
    data.symlink_to("v1")
    path = tmp_path / "table.yaml"
    path.symlink_to("..data/table.yaml")

    async with ProxyProcess(path, "memory://", tmp_path / "log") as proxy:

        async def serves(letter: str) -> None:
            async def so() -> bool:
                response = await ask(proxy.port, infer(labelled(1)))
                return response.attempts[0][0] == f"{letter}0"

            await eventually(so, 10, f"table {letter}")
            assert await so()

        await serves("a")
        (tmp_path / "..fresh").symlink_to("v2")
        (tmp_path / "..fresh").rename(data)
        await serves("b")
        (tmp_path / "v2" / "table.yaml").write_text(table("c", *stubs))
        await serves("c")
        path.unlink()
        put_in_place(path, table("d", *stubs))
        await serves("d")
        path.unlink()
        await _unready(proxy, "No such file or directory")
        await serves("d")
        put_in_place(path, table("e", *stubs))
        await serves("e")
        assert await proxy.metric("penstock_table_generation") == 5


async def _unready(proxy: ProxyProcess, problem: str) -> None:
    async def said() -> bool:
        return any(problem in line for line in (await proxy.admin("/readyz")).json["table"]["problems"])

    await eventually(said, 10, problem)


async def test_the_log_says_that_the_table_in_service_is_back(stubs: tuple[str, str], tmp_path: Path) -> None:
    """Whoever puts the good file back must not read a refusal as the last word."""
    path = tmp_path / "table.yaml"
    path.write_text(table("a", *stubs))
    async with ProxyProcess(path, "memory://", tmp_path / "log") as proxy:
        put_in_place(path, "")
        await _unready(proxy, "empty")
        put_in_place(path, table("a", *stubs))

        async def restored() -> bool:
            return (await proxy.admin("/readyz")).json["table"]["last_reload_ok"] is True

        await eventually(restored, 10, "restored")
        assert (await proxy.admin("/readyz")).json["table"]["generation"] == 1
    events = [msgspec.json.decode(line) for line in (tmp_path / "log").read_bytes().splitlines()]
    told = [event["event"] for event in events if event["event"].startswith("table_")]
    assert told == ["table_refused", "table_restored"]


async def test_a_bad_table_changes_nothing_and_says_why_everywhere(
    stubs: tuple[str, str], tmp_path: Path
) -> None:
    """In the log, on /readyz and in a metric; a good one clears it."""
    path = tmp_path / "table.yaml"
    path.write_text(table("a", *stubs))
    async with ProxyProcess(path, "memory://", tmp_path / "log") as proxy:
        put_in_place(path, table("b", *stubs).replace("timeout: 20000", "timeout: -1"))
        await _unready(proxy, "timeout")
        ready = await proxy.admin("/readyz")
        assert (ready.status, ready.json["ready"]) == (200, True)
        assert len(ready.json["table"]["problems"]) == 2
        assert await proxy.metric("penstock_table_last_reload_ok") == 0
        assert (await ask(proxy.port, infer(labelled(1)))).attempts[0][0] == "a0"
        put_in_place(path, "")
        await _unready(proxy, "empty")
        put_in_place(path, table("c", *stubs))
        await _reloaded(proxy, refused=False, generation=2)
        assert await proxy.metric("penstock_table_last_reload_ok") == 1
        assert (await proxy.admin("/v1/table")).headers["etag"]
    events = [msgspec.json.decode(line) for line in (tmp_path / "log").read_bytes().splitlines()]
    refused = [event for event in events if event["event"] == "table_refused"]
    assert len(refused) == 2
    assert all("table.yaml:" in line for line in refused[0]["problems"])


async def test_counters_breakers_and_tickets_survive_a_reload(stubs: tuple[str, str], tmp_path: Path) -> None:
    """A reload forgets nothing but the old rows."""
    path = tmp_path / "table.yaml"
    sick = table("a", *stubs).replace(NEVER, "consecutive: 1, rest: 60000, restMax: 60000")
    path.write_text(sick)
    async with ProxyProcess(path, f"sqlite:///{tmp_path}/q.db", tmp_path / "log") as proxy:
        first = await ask(proxy.port, infer(labelled(1)))
        assert len(first.attempts) == 2
        ticket = await ask(proxy.port, infer(labelled(1), "Prefer: respond-async"))
        os.utime(path)
        put_in_place(path, sick + "# changed\n")
        await _reloaded(proxy, refused=False, generation=2)
        again = await ask(proxy.port, infer(labelled(1)))
        assert again.attempts == [("a1", 1, "ok")], "the breaker forgot"
        assert await proxy.metric('penstock_attempts_total{application="a0",outcome="failed"}') == 1
        assert (await get(proxy.port, ticket.headers["location"])).status in (200, 202)

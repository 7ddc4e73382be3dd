"""Hedges over real sockets: one of two model servers is slow, and the caller of the first class is not."""

import asyncio
from pathlib import Path

import pytest

from sim.stubs.behaviours import Latency
from sim.stubs.server import StubServer
from tests.integration.apps import RunningApp, running
from tests.integration.callers import Response, ask, infer, labelled

TABLE = """
version: 1
labelers: [{use: json-field, path: parameters.label}]
classes:
  - {name: urgent, label: [7], deadline: 20000, hedge: HEDGE}
applications:
  twins: {endpoints: [ONE, TWO], concurrency: 20}
routes:
  - {application: twins, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: [7]}
"""
QUICK, SLOW = Latency(delay=0.05), Latency(delay=2.0)
CALLS_THAT_PAY = 120


async def ask_both(app: RunningApp) -> list[Response]:
    """Two requests at once: the second one goes to the other endpoint, for the first has one to do."""
    return list(await asyncio.gather(*(ask(app.port, infer(labelled(7))) for _ in range(2))))


@pytest.mark.parametrize("hedge", ["true", "false"])
async def test_a_late_call_of_the_first_class_is_answered_by_the_other_server(
    hedge: str, tmp_path: Path
) -> None:
    """Where the table asks for it, and only there; told by headers and metrics."""
    async with StubServer("one", QUICK) as one, StubServer("two", QUICK) as two:
        table = tmp_path / "table.yaml"
        table.write_text(TABLE.replace("ONE", one.url).replace("TWO", two.url).replace("HEDGE", hedge))
        async with running(table) as app:
            for _ in range(CALLS_THAT_PAY // 2):
                await ask_both(app)
            one.behave(SLOW)
            told = [response.attempts for response in await ask_both(app)]
            page = (await app.admin("/metrics")).body.decode()
    plain = [("twins", 0, "ok")]
    if hedge == "true":
        assert sorted(told, key=len) == [plain, [("twins", 0, "superseded"), ("twins", 0, "ok")]]
        assert 'penstock_hedges_total{application="twins",won="true"} 1.0' in page
        assert 'penstock_inflight{application="twins"} 1.0' in page, "the slow server is still at work on it"
    else:
        assert told == [plain, plain]
        assert "penstock_hedges_total{" not in page

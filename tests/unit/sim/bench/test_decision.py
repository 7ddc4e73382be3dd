"""The benchmark of the decision alone: it measures a request that is really decided."""

import pytest
import uvloop

from proxy.watchdog import Watchdog
from sim.bench import decision
from sim.bench.peers.penstock import ROWS_FEW


@pytest.fixture
def watchdog():
    watchdog = Watchdog()
    watchdog.start()
    yield watchdog
    watchdog.stop()


def test_it_counts_served_requests_and_every_stage_costs_something(watchdog, monkeypatch) -> None:
    """A pipeline that refuses at once would look fast."""
    monkeypatch.setattr(decision, "ROUNDS", 2)
    monkeypatch.setattr(decision, "REQUESTS", 130)

    async def measure():
        import asyncio

        bench = decision.Bench(asyncio.get_running_loop(), ROWS_FEW, watchdog)
        return await bench.measure(), bench.meters

    found, meters = uvloop.run(measure())
    assert list(found)[-1] == decision.IN_ALL
    assert all(found[stage] > 0 for stage in found if stage != decision.REST)
    assert {outcome for _, _, outcome in meters.requests} == {"served"}
    assert meters.attempts["a", "ok"] > 0
    assert meters.attempts["b", "ok"] > meters.attempts["a", "ok"]

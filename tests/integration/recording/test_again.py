"""A recording, played again against a live proxy that records: what was sent the second time is the first."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.recording.rows import Row
from sim.stubs.server import StubServer
from tests.integration.callers import ask, infer, labelled
from tests.integration.processes.families import FamilyProcess
from tests.integration.recording.recorders import Read, Recorder

TABLE = """
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
classes:
  - {{name: urgent, label: 1, deadline: 5000}}
applications:
  a: {{endpoints: "{url}"}}
routes:
  - {{application: a, timeout: 5000, weight: 1, priority: 0, clusterType: http, label: [1, 2, 44]}}
"""
PLAN = """
version: 1
name: again
target: http://127.0.0.1:{port}/v2/models/m/infer
stages:
  - {{name: again, shape: {{kind: recording, file: first.jsonl}}}}
classes:
  - {{name: urgent, deadline: 5000}}
  - {{name: default, deadline: 5000}}
processes: 2
punctuality: {{p50: 500, p99: 5000}}
"""
SENT = [
    infer(labelled(1, fill="x" * 400), model="risk"),
    infer(labelled(1, 44, fill="x" * 300), "Penstock-Deadline-Ms: 900"),
    infer(labelled(2, fill="x" * 500), "Penstock-Fallback: none"),
    infer(labelled(9, fill="x" * 350)),
]


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer("stub", calls_kept=100_000) as stub:
        yield stub


async def test_what_is_played_again_is_what_was_recorded(stub: StubServer, tmp_path: Path) -> None:
    """Count, labels, classes, sizes, models and wishes exactly; times as well as the generator keeps them."""
    table = tmp_path / "table.yaml"
    table.write_text(TABLE.format(url=stub.url))
    async with FamilyProcess(table, "memory://", tmp_path / "log") as proxy:
        recorder = await Recorder.start(proxy.admin_port, tmp_path / "first.jsonl")
        await recorder.begun(proxy)
        for number in range(60):
            await ask(proxy.port, SENT[number * 7 % 4])
        recorder.signal(signal.SIGINT)
        assert (await recorder.end())[0] == 0

        plan = tmp_path / "plan.yaml"
        plan.write_text(PLAN.format(port=proxy.port))
        recorder = await Recorder.start(proxy.admin_port, tmp_path / "second.jsonl")
        await recorder.begun(proxy, count=2)
        player = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy.cli", "replay", str(plan), "--out", str(tmp_path / "report")),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await player.communicate()
        assert player.returncode == 0, said.decode()
        recorder.signal(signal.SIGINT)
        assert (await recorder.end())[0] == 0
    first, second = (Read(tmp_path / f"{name}.jsonl") for name in ("first", "second"))
    assert Counter(map(_sent, first.rows)) == Counter(map(_sent, second.rows))
    assert len(first.rows) == 60
    assert len({_sent(each) for each in first.rows}) == 4


def _sent(row: Row) -> tuple[object, ...]:
    return (row.class_name, row.labels, row.in_bytes, row.model, row.asked_ms, row.fallback, row.status)

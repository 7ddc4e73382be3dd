"""`python -m sim.rehearsal` as users run it: a plan live, the same in virtual time, and the whole night."""

import asyncio
import sys
from pathlib import Path

from sim.replay.files import read_outcome

PLAN = """\
version: 1
name: small-night
target: http://127.0.0.1:8080/v2/models/image-risk/infer
metrics: http://127.0.0.1:9090/metrics
scale: 0.01
punctuality: {p50: 2000, p99: 5000}
minimumSample: 5
simulate: {table: table.yaml, fleet: fleet.yaml, scale: 1}
stages:
  - {name: quiet, shape: {kind: constant, rate: 3000, seconds: 2, arrivals: even}}
  - {name: peak, shape: {kind: constant, rate: 12000, seconds: 1, arrivals: even}}
classes:
  - {name: urgent, weight: 1, deadline: 5000, label: 1}
  - {name: others, weight: 1, deadline: 5000, label: 2}
thresholds: {all: ['lost == 0', 'refused == 0']}
faults:
  - {name: the table is read again, at: 1, http: {url: "http://127.0.0.1:9090/v1/table/reload"}}
  - {name: out, at: 2, http: {url: "http://127.0.0.1:9090/v1/applications/1/drain"}}
"""
TABLE = """\
version: 1
labelers: [{use: json-field, path: parameters.label}]
classes: [{name: urgent, label: 1, deadline: 5000}, {name: others, label: 2, deadline: 5000}]
applications:
  1: {endpoints: ["http://gpu.example:1"], concurrency: 800}
  2: {endpoints: ["http://cpu.example:1"]}
routes:
  - {application: 1, timeout: 2000, weight: 1, priority: 0, clusterType: http, label: [1, 2]}
  - {application: 2, timeout: 2000, weight: 1, priority: 1, clusterType: http, label: [1, 2]}
"""
FLEET = """\
version: 1
name: small
pools:
  1: {machines: 100, slots: 8, service: {base: 20}}
  2: {machines: 300, slots: 8, service: {base: 40}}
"""


async def test_a_plan_is_rehearsed_live_and_in_virtual_time(tmp_path: Path) -> None:
    """A hundredth of the fleet stands as processes; its faults reach the proxy; each run leaves a report."""
    for name, text in (("plan.yaml", PLAN), ("table.yaml", TABLE), ("fleet.yaml", FLEET)):
        (tmp_path / name).write_text(text)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "sim.rehearsal", "plan.yaml", "--out", "out", "--errors"),
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "PATH": "/usr/bin:/bin",
            "MPLCONFIGDIR": str(tmp_path),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    folder = tmp_path / "out" / "small-night"
    assert process.returncode == 0, said.decode()
    live, like, whole = (read_outcome(folder / each) for each in ("live", "simulated", "whole"))
    assert [each.verdict for each in (live, like, whole)] == ["MET"] * 3, said.decode()
    assert live.classes["all"].figures.arrivals == like.classes["all"].figures.arrivals == 180
    assert [each.well for each in live.faults] == [True, True]
    assert "1 / 100" in said.decode()
    shares = [each.samples[-1].requests for each in (live, like)]
    assert all(each["tier 0"] > 0 and each["tier 1"] > 0 for each in shares), "the drained one is passed over"

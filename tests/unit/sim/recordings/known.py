"""A recording of a world whose fleet is known: the load swings, so that every level of load is seen."""

from pathlib import Path

import msgspec
import numpy as np

from sim.fleet.fleet import Fleet, Pool, ServiceTime
from sim.recordings.reading import Recording, read_recording
from sim.recordings.virtual import plan_of, played, script_of
from tests.stand_ins.recordings import end, row, write

TABLE = """
version: 1
applications:
  1: {{endpoints: [{endpoints}]{limits}}}
classes:
  - {{name: urgent, label: [1], deadline: 5000}}
routes:
  - {{application: 1, timeout: {timeout}, weight: 1, priority: 0, clusterType: http, label: "1"}}
"""
SWING_S, SWINGS = 20.0, 0.8


def fleet_of(service: ServiceTime, *, slots: int = 8, machines: int = 1, edge_s: float = 0.0) -> Fleet:
    pool = Pool(application="1", machines=machines, slots=slots, service=service)
    return Fleet(name="known", pools=(pool,), edge_s=edge_s)


def table_of(*, machines: int = 1, timeout_ms: int = 5_000, limits: str = "") -> str:
    endpoints = ", ".join(f'"http://m{number}:1"' for number in range(machines))
    return TABLE.format(endpoints=endpoints, limits=limits, timeout=timeout_ms)


def recorded(
    folder: Path, fleet: Fleet, table: str, *, rate: float, seconds: float = 40.0, fallback: str = "none"
) -> Recording:
    """What a proxy with that table would record before that fleet."""
    rng, t_s, rows = np.random.default_rng(7), 0.0, []
    while True:
        t_s += rng.exponential(1 / (rate * (1 + SWINGS * np.sin(2 * np.pi * t_s / SWING_S))))
        if t_s >= seconds:
            break
        rows.append(row(round(t_s, 6), fallback=fallback))
    path = write(folder / "sent.jsonl", rows, end(len(rows), seconds=seconds))
    sent = read_recording(path)
    plan = plan_of(path, sent)
    found = [each for each in played(plan, script_of(plan), table, fleet).rows if each is not None]
    assert len(found) == len(rows)
    write(folder / "recorded.jsonl", found, end(len(found), seconds=seconds))
    recording = read_recording(folder / "recorded.jsonl")
    about = msgspec.structs.replace(
        recording.header.about.applications["1"], endpoints=int(fleet.pools[0].machines)
    )
    header = msgspec.structs.replace(
        recording.header,
        about=msgspec.structs.replace(recording.header.about, applications={"1": about}),
    )
    return msgspec.structs.replace(recording, header=header)

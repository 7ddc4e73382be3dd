"""A recording in virtual time: each request asks for what it asked for, and takes what the proxy adds."""

from pathlib import Path

import msgspec
import pytest

from proxy.recording.rows import Row
from sim.fleet.fleet import Fleet, ServiceTime
from sim.recordings.reading import read_recording
from sim.recordings.virtual import plan_of, played, script_of
from tests.stand_ins.recordings import end, row, write
from tests.unit.sim.recordings.known import fleet_of, table_of

TEN_MS = ServiceTime(base_s=0.01)


def play(folder: Path, rows: list[Row], fleet: Fleet, table: str) -> list[Row]:
    path = write(folder / "r.jsonl", rows, end(len(rows), seconds=5.0))
    recording = read_recording(path)
    plan = plan_of(path, recording)
    found = played(plan, script_of(plan), table, fleet).rows
    assert None not in found
    return [each for each in found if each is not None]


def test_each_request_keeps_its_wish_for_a_ticket(tmp_path: Path) -> None:
    """One permit for three at once, of a class without a deadline: two find none."""
    table = table_of(limits=", concurrency: 1").replace("label: [1]", "label: [9]")
    rows = [row(1.0), row(1.000001, fallback="none"), row(1.000002, fallback="queue"),
            row(1.000003, fallback="at-once")]  # fmt: skip
    found = play(tmp_path, rows, fleet_of(TEN_MS), table)
    assert [each.verdict for each in found] == ["served", "exhausted", "parked", "parked"]


def test_each_request_keeps_the_deadline_that_it_asked_for(tmp_path: Path) -> None:
    """The class has 5 s; the second asks for 5 ms, and the work takes 10."""
    rows = [row(1.0, fallback="none"), row(2.0, asked_ms=5.0, fallback="none")]
    found = play(tmp_path, rows, fleet_of(TEN_MS), table_of())
    assert [each.verdict for each in found] == ["served", "exhausted"]
    assert [each.deadline_ms for each in found] == [5_000.0, 5.0]


def test_what_the_proxy_itself_takes_is_added(tmp_path: Path) -> None:
    """A world knows nothing of it: 10 ms of work, 0.4 of network, 3 of the proxy."""
    (found,) = play(tmp_path, [row(1.0)], fleet_of(TEN_MS, edge_s=0.003), table_of())
    assert found.ms == pytest.approx(13.4)
    assert found.attempts[0].ms == pytest.approx(10.4)


def test_of_several_proxies_the_recorded_one_has_its_share_of_the_machines(tmp_path: Path) -> None:
    """Four machines for two proxies: two of them, of one slot each, serve two at once and not four."""
    fleet = msgspec.structs.replace(fleet_of(TEN_MS, slots=1, machines=4), proxies=2)
    rows = [row(1.0 + place * 1e-6, fallback="none") for place in range(4)]
    found = play(tmp_path, rows, fleet, table_of(machines=4))
    assert sorted(round(each.ms) for each in found) == [10, 10, 20, 20]

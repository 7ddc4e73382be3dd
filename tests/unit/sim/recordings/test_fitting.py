"""A fleet fitted from a recording: its parameters come back, and what could not be seen is said."""

from pathlib import Path

import numpy as np
import pytest

from sim.fleet.fleet import Fleet, Pool, ServiceTime
from sim.fleet.parse import parse_fleet
from sim.fleet.writing import written
from sim.recordings.contrast import ALL, contrast
from sim.recordings.errors import RecordingUnreadable
from sim.recordings.fit import fit
from sim.recordings.fitting import edge_s, fitted
from sim.recordings.reading import Recording, read_recording
from sim.recordings.virtual import plan_of, played, script_of
from sim.world.noise import Shape
from tests.stand_ins.recordings import end, row, write
from tests.unit.sim.recordings.known import fleet_of, recorded, table_of


def pool_of(recording: Recording) -> Pool:
    (pool,) = fitted(recording, "k").fleet.pools
    return pool


def test_slots_and_times_of_an_overloaded_server_come_back(tmp_path: Path) -> None:
    """Eight slots, 20 ms of some spread: what waits behind them is no service time."""
    service = ServiceTime(base_s=0.02, spread=Shape.LOGNORMAL, sigma=0.3)
    pool = pool_of(recorded(tmp_path, fleet_of(service), table_of(), rate=320))
    assert pool.slots == 8
    means_ms = [level.mean_s * 1e3 for level in pool.service.measured]
    assert means_ms == pytest.approx([20.0] * len(means_ms), rel=0.1)
    assert np.mean(means_ms) == pytest.approx(20.0, rel=0.02)
    known = np.exp(0.3 * 2.326) * 20 / np.exp(0.3**2 / 2)
    p99_ms = np.mean([level.times_s[126] * 1e3 for level in pool.service.measured])
    assert p99_ms == pytest.approx(known, rel=0.1)


def test_what_batching_costs_comes_back(tmp_path: Path) -> None:
    """20 ms and 2 ms for each in service."""
    service = ServiceTime(base_s=0.02, each_s=0.002, spread=Shape.LOGNORMAL, sigma=0.2)
    pool = pool_of(recorded(tmp_path, fleet_of(service), table_of(), rate=190))
    assert pool.slots == 8
    for level in pool.service.measured:
        assert level.mean_s * 1e3 == pytest.approx(20 + 2 * level.in_service, rel=0.05)


def test_where_no_bend_shows_the_fleet_says_so(tmp_path: Path) -> None:
    """The proxy's own limit kept the server below its knee: there may be more slots than were seen."""
    service = ServiceTime(base_s=0.02, each_s=0.001)
    recording = recorded(tmp_path, fleet_of(service, slots=16), table_of(limits=", concurrency: 6"), rate=200)
    found = fitted(recording, "k")
    assert found.fleet.pools[0].slots == 6
    assert "no bend shows up to 6" in found.notes[0]
    assert found.notes[0] in found.fleet.assumed
    for level in found.fleet.pools[0].service.measured:
        assert level.mean_s * 1e3 == pytest.approx(20 + level.in_service, rel=0.05)


def test_calls_that_were_cut_off_count_as_longer_and_their_share_is_said(tmp_path: Path) -> None:
    """Exponential times of 20 ms, of which e^-1.5 pass a timeout of 30 ms: the median is not their victim."""
    service = ServiceTime(base_s=0.02, spread=Shape.EXPONENTIAL)
    recording = recorded(tmp_path, fleet_of(service, slots=64), table_of(timeout_ms=30), rate=200)
    found = fitted(recording, "k")
    middle_ms = np.mean([level.times_s[63] * 1e3 for level in found.fleet.pools[0].service.measured])
    assert middle_ms == pytest.approx(20 * np.log(2), rel=0.08)
    (bounds,) = [note for note in found.notes if "lower bounds" in note]
    assert float(bounds.split()[1].rstrip("%")) == pytest.approx(100 * np.exp(-1.5), abs=2.5)


def test_each_endpoint_is_a_machine_and_counts_its_own(tmp_path: Path) -> None:
    """Two machines of four slots, not one of eight."""
    service = ServiceTime(base_s=0.02, spread=Shape.LOGNORMAL, sigma=0.2)
    recording = recorded(tmp_path, fleet_of(service, slots=4, machines=2), table_of(machines=2), rate=320)
    pool = pool_of(recording)
    assert (pool.machines, pool.slots) == (2.0, 4)
    assert pool.service.measured[-1].mean_s * 1e3 == pytest.approx(20.0, rel=0.05)


def test_what_is_fitted_plays_as_what_was_recorded(tmp_path: Path) -> None:
    """The recording, through its own table and the fitted fleet: throughput and times come out again."""
    service = ServiceTime(base_s=0.02, each_s=0.001, spread=Shape.LOGNORMAL, sigma=0.4)
    table = table_of(limits=", concurrency: 8")
    recording = recorded(tmp_path, fleet_of(service), table, rate=120)
    path = tmp_path / "recorded.jsonl"
    plan = plan_of(path, recording)
    again = played(plan, script_of(plan), table, fitted(recording, "k").fleet)
    classes = [each.class_name for each in recording.arrivals]
    both = contrast(classes, recording.arrivals, again.rows, recording.seconds).classes[ALL]
    assert both.after.throughput == pytest.approx(both.before.throughput, rel=0.02)
    assert both.after.p50_ms == pytest.approx(both.before.p50_ms, rel=0.05)
    assert both.after.p99_ms == pytest.approx(both.before.p99_ms, rel=0.1)


def test_the_proxys_own_time_is_what_lies_beside_its_calls() -> None:
    """0.3 ms before and 0.2 after; a wait for a permit is none of it."""
    rows = [row(float(place), ms=10.5, calls=[("1", 0.3, 10.0, "ok")]) for place in range(50)]
    rows += [row(float(place), ms=60.5, calls=[("1", 50.3, 10.0, "ok")]) for place in range(40)]
    rows += [row(1.0, ms=99.0, calls=[("1", 0.3, 10.0, "failed"), ("1", 20.0, 10.0, "ok")])]
    assert edge_s(rows) == pytest.approx(0.0005)
    assert edge_s([]) == 0.0


def test_what_cannot_be_fitted_is_said(tmp_path: Path) -> None:
    """Too few calls, calls that failed, and a recording that is incomplete."""
    rows = [row(float(place)) for place in range(120)]
    rows += [row(200.0 + place, calls=[("2", 0.0, 1.0, "ok")]) for place in range(3)]
    rows += [row(300.0 + place, calls=[("1", 0.0, 1.0, "refused")]) for place in range(5)]
    ended = end(len(rows), complete=False, dropped={"memory": 9})
    path = write(tmp_path / "night.jsonl", rows, ended)
    found = fit(path)
    assert any("9 requests were dropped" in note for note in found.notes)
    assert any("2: 3 calls, too few" in note for note in found.notes)
    assert any("5 refused" in note for note in found.notes)
    parsed = parse_fleet(found.text.encode(), {})
    assert isinstance(parsed, Fleet), parsed
    assert (parsed.name, [pool.application for pool in parsed.pools]) == ("night", ["1"])
    assert written(parsed) == found.text
    few = write(tmp_path / "few.jsonl", rows[:20])
    with pytest.raises(RecordingUnreadable, match="nothing to fit"):
        fitted(read_recording(few), "few")

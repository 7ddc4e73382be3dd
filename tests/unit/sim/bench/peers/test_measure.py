"""One measurement: what goes wrong is in the sample."""

import resource
import stat
import sys

import pytest

from sim.bench.peers import core as core_module
from sim.bench.peers import idle
from sim.bench.peers import measure as measure_module
from sim.bench.peers.case import CASES
from sim.bench.peers.measure import Aim, Load, measure
from sim.bench.peers.peer import Running
from sim.bench.peers.wrk import Told, WrkFailed, read_told

PEER_CORE, LOAD_CORE = 0, 1
FIGURES = (
    '{"requests":1000,"duration_us":2000000,"status":10,"connect":1,"read":2,"write":3,"timeout":4,'
    '"p50_us":1500.0,"p99_us":3000.0,"p999_us":9000.5}'
)
OPEN_FIGURES = (
    '{"requests":50,"errors":0,"span_s":2.0,"p50_ms":0.5,"p99_ms":1.0,"p999_ms":2.0,'
    '"lag_p99_ms":LAG,"lag_max_ms":9.0}'
)


class Used:
    """Stands in for a server process: its processor time grows by `step_s` from one look to the next."""

    def __init__(self, step_s: float = 0.0) -> None:
        self.step_s = step_s
        self.spent_s = 0.0

    def cpu_s(self) -> float:
        self.spent_s += self.step_s
        return self.spent_s


@pytest.fixture
def cores(monkeypatch) -> dict[int, float]:
    """By how many seconds each core's work grows from one look to the next."""
    steps = {PEER_CORE: 0.0, LOAD_CORE: 0.0}
    worked = dict(steps)

    def worked_s(core: int) -> float:
        worked[core] += steps[core]
        return worked[core]

    monkeypatch.setattr(core_module, "worked_s", worked_s)
    return steps


@pytest.fixture
def load(tmp_path, cores) -> Load:
    return Load(rate=100.0, peer_core=PEER_CORE, load_core=LOAD_CORE, upstream=Used(), folder=tmp_path)


def case(name: str):
    (found,) = (each for each in CASES if each.name == name)
    return found


def test_wrks_figures_are_found_among_what_it_prints() -> None:
    """The rest is for people."""
    told = read_told(f"Running 2s test @ x\n  2 threads\n\n{FIGURES}\n")
    assert (told.good, told.errors) == (990, 20)
    assert told.trouble == (
        "10 not 2xx, 1 not connected, 2 broken while reading, 3 broken while writing,"
        " 4 without an answer in time"
    )


def test_without_figures_wrks_words_are_the_error() -> None:
    """'unable to connect' is what one wants to read then."""
    with pytest.raises(WrkFailed, match="unable to connect"):
        read_told("", "unable to connect to 127.0.0.1:1")


def test_a_saturated_sample_counts_only_answers_with_2xx(load, monkeypatch) -> None:
    """Refusing fast is no speed; and the errors are named."""
    monkeypatch.setattr(measure_module, "run_wrk", lambda *_, **__: read_told(FIGURES))
    sample = measure(Aim(name="x", port=1), case("small-64"), (3, 1), 1, load)
    assert (sample.peer, sample.case, sample.round) == ("x", "small-64", 3)
    assert (sample.requests, sample.errors, sample.per_s) == (990, 20, 495.0)
    assert (sample.p50_ms, sample.p99_ms) == (1.5, 3.0)
    assert sample.trouble.startswith("10 not 2xx")


def test_no_answer_at_all_is_trouble_though_nothing_else_went_wrong(load, monkeypatch) -> None:
    """A peer that hangs gives wrk no error within a second."""
    silent = Told(
        **dict.fromkeys(("requests", "status", "connect", "read", "write", "timeout"), 0),
        **dict.fromkeys(("p50_us", "p99_us", "p999_us"), 0.0),
        duration_us=1_000_000,
    )
    monkeypatch.setattr(measure_module, "run_wrk", lambda *_, **__: silent)
    assert measure(Aim(name="x", port=1), case("small-64"), (1, 1), 1, load).trouble == "no answer at all"


def test_a_generator_that_breaks_gives_a_sample_with_the_reason(load, monkeypatch) -> None:
    """The run goes on, and the report says so."""

    def breaks(*_, **__) -> Told:
        raise WrkFailed("wrk was still running")

    monkeypatch.setattr(measure_module, "run_wrk", breaks)
    sample = measure(Aim(name="x", port=1), case("small-64"), (1, 1), 1, load)
    assert (sample.errors, sample.trouble) == (1, "WrkFailed: wrk was still running")
    assert sample.per_s is None


@pytest.mark.parametrize(("lag", "doubt"), [("0.2", ""), ("2.5", "the generator was 2.5 ms late (p99)")])
def test_a_generator_that_was_late_makes_the_sample_doubtful(load, tmp_path, monkeypatch, lag, doubt) -> None:
    """Its latencies are in part its own."""
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\necho '{OPEN_FIGURES.replace('LAG', lag)}'\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(fake))
    sample = measure(Aim(name="x", port=1), case("open-loop"), (1, 1), 1, load)
    assert (sample.per_s, sample.p99_ms, sample.trouble, sample.doubt) == (25.0, 1.0, "", doubt)


def test_idle_connections_are_as_many_as_the_open_files_allow(monkeypatch) -> None:
    """Fewer are told as a doubt, not hidden."""
    raised = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_000, 4_000))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    assert idle.connections_possible(10_000) == 3_500
    assert idle.connections_possible(100) == 100
    assert set(raised) == {(4_000, 4_000)}


@pytest.mark.parametrize(
    ("step_s", "doubt"),
    [
        ({}, ""),
        ({PEER_CORE: 1000.0}, ""),
        ({PEER_CORE: 2000.0}, "of its core"),
        ({PEER_CORE: 1000.0, LOAD_CORE: 1000.0}, "of the core of the load"),
    ],
)
def test_other_work_on_either_core_makes_the_sample_doubtful(load, cores, monkeypatch, step_s, doubt) -> None:
    """The peer's own 1000 seconds are no other work; a generator that shared its core loaded less."""
    monkeypatch.setattr(measure_module, "run_wrk", lambda *_, **__: read_told(FIGURES))
    cores.update(step_s)
    running = Running(None, Used(1000.0), 1, 2)
    sample = measure(Aim(name="x", port=1, running=running), case("small-64"), (1, 1), 1, load)
    assert sample.doubt.endswith(doubt)
    assert bool(sample.doubt) == bool(doubt)
    assert sample.cpu_us == pytest.approx(1000.0 / 990 * 1e6)

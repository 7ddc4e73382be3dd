"""Processes of the benchmark: started on their core, and always ended."""

import os
import socket
import subprocess
import sys

import pytest

from sim.bench.peers.core import Meter, worked_s
from sim.bench.peers.server import PORTS, DidNotStart, Server, accepts, free_ports, pinned

LISTENS = """
import socket, sys, time
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(60)
"""


@pytest.fixture
def core() -> int:
    return max(os.sched_getaffinity(0))


@pytest.fixture
def listening(core, tmp_path):
    (port,) = free_ports(1)
    server = Server("listens", [sys.executable, "-c", LISTENS, str(port)], core, tmp_path)
    yield server, port
    server.stop()


def test_a_server_is_ready_when_it_accepts_and_gone_when_it_was_stopped(listening) -> None:
    """By its own id; a second stop does nothing."""
    server, port = listening
    server.wait_for(port)
    assert accepts(port)
    server.stop()
    server.stop()
    assert not accepts(port)
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_server_runs_on_its_core_and_this_process_where_it_was(listening, core) -> None:
    """A peer that may move to the generator's core is measured at nothing."""
    server, port = listening
    server.wait_for(port)
    assert os.sched_getaffinity(server.pid) == {core}


def test_pinning_ends_with_its_block_whatever_happens(core) -> None:
    """The rest of the program, and of the tests, has all cores again."""
    before = os.sched_getaffinity(0)
    within: list[set[int]] = []

    def break_within() -> None:
        with pinned(core):
            within.append(os.sched_getaffinity(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_within()
    assert within == [{core}]
    assert os.sched_getaffinity(0) == before


def test_a_server_that_ends_at_once_is_told_with_its_last_words(core, tmp_path) -> None:
    """A bad configuration is to be mended, not guessed."""
    command = [sys.executable, "-c", "print('no such option'); raise SystemExit(3)"]
    server = Server("breaks", command, core, tmp_path)
    with pytest.raises(DidNotStart, match="breaks ended with 3: no such option"):
        server.wait_for(free_ports(1)[0])


def test_a_server_that_never_listens_is_given_up_and_stopped(core, tmp_path, monkeypatch) -> None:
    """The run goes on without it."""
    monkeypatch.setattr("sim.bench.peers.server.READY_S_MAX", 0.05)
    server = Server("sleeps", [sys.executable, "-c", "import time; time.sleep(60)"], core, tmp_path)
    with pytest.raises(DidNotStart, match="not ready"):
        server.wait_for(free_ports(1)[0])
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_a_server_that_ignores_the_request_to_end_is_killed(core, tmp_path, monkeypatch) -> None:
    """No run leaves a process behind."""
    monkeypatch.setattr("sim.bench.peers.server.STOP_S_MAX", 0.05)
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + LISTENS
    (port,) = free_ports(1)
    server = Server("stubborn", [sys.executable, "-c", program, str(port)], core, tmp_path)
    server.wait_for(port)
    server.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(server.pid, 0)


def test_free_ports_are_different_and_not_those_of_callers_ends() -> None:
    """A port that the system may give to a connection is taken by the time a server wants it."""
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert set(ports) <= set(PORTS)


def test_a_port_in_use_is_not_free(monkeypatch) -> None:
    """Nor is there one more than there are."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr("sim.bench.peers.server.PORTS", [taken.getsockname()[1]])
        with pytest.raises(OSError, match="fewer than 1 free ports"):
            free_ports(1)


def test_the_processor_time_of_a_server_is_its_own(core, tmp_path) -> None:
    """It spins for a while, and is then asked; memory is that of a Python at least."""
    program = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True)\ntime.sleep(60)"
    server = Server("spins", [sys.executable, "-c", program], core, tmp_path)
    try:
        meter = Meter(core, server.cpu_s)
        while "done" not in (tmp_path / "spins.out").read_text():
            os.sched_yield()
        use = meter.read()
        assert use.own_s >= 0.1
        assert 0 < use.busy <= 1.1
        assert server.rss_bytes() > 1_000_000
    finally:
        server.stop()


def test_a_core_that_does_not_exist_is_a_slip() -> None:
    """And not one that is always idle."""
    with pytest.raises(ValueError, match="no core 99999"):
        worked_s(99999)


def test_the_generator_ends_with_an_error_when_its_peer_is_not_there() -> None:
    """Its figures would be zeros."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "sim.bench.peers.openloop", str(port), os.devnull, "1", "1", "1"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0

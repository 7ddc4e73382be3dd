"""How a worker starts and ends: the lines, the exit codes. Processes that die: `test_kills.py`."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput

ROOT = Path(__file__).parents[3]
LIGHT = str(ROOT / "tests" / "models")
ONE = {"inputs": [{"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1.5]}]}
WAIT_S_MAX = 60


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=WAIT_S_MAX,
    )


def test_it_says_when_it_is_ready_and_how_long_each_model_took(light: Any) -> None:
    """The line is what scripts wait for."""
    assert light.line.startswith("penstock worker ready http://127.0.0.1:")
    assert light.models == "identity:1,simple:1"


def test_a_bad_repository_is_told_whole(tmp_path: Path) -> None:
    """Exit 2, as for a bad table."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.yaml").write_text(f"name: {name}\n")
    ended = run(str(tmp_path))
    assert ended.returncode == 2
    assert "a/model.yaml" in ended.stderr
    assert "b/model.yaml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_in_use_is_told() -> None:
    """Exit 1, with the address; never a second server behind one port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(LIGHT, "--listen", f"127.0.0.1:{port}")
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "ready" not in ended.stdout


def test_a_port_in_use_for_grpc_is_told_too() -> None:
    """A server that speaks half of what it was told to would be taken for whole."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run(LIGHT, "--listen", "127.0.0.1:0", "--grpc", f"127.0.0.1:{port}")
    assert ended.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "ready" not in ended.stdout


def test_what_runs_over_grpc_is_answered_before_the_end(start: Callable[..., Any], gate: Any) -> None:
    """As over HTTP."""
    started = start(str(gate.folder), "--grpc", "127.0.0.1:0")
    with ThreadPoolExecutor(1) as threads, InferenceServerClient(started.grpc) as client:
        given = InferInput("INPUT0", [1], "FP32")
        given.set_data_from_numpy(np.array([1.5], np.float32))
        slow = threads.submit(client.infer, "gate", [given], parameters={"as": "slow"})
        gate.wait_entered("slow")
        started.process.send_signal(signal.SIGTERM)
        while listens(started.address):
            time.sleep(0.01)
        gate.open()
        assert slow.result().as_numpy("INPUT0").tolist() == [1.5]
    assert started.stop() == 0


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("--listen", "8001"), "is not HOST:PORT"),
        (("--grpc", "8001"), "is not HOST:PORT"),
        (("--device", "gpu"), "is none of cpu"),
        (("--models", "simple,none"), "there is no model 'none'"),
    ],
)
def test_a_wrong_option_is_told(arguments: tuple[str, ...], part: str) -> None:
    """Exit 2 and words."""
    ended = run(LIGHT, *arguments)
    assert ended.returncode == 2
    assert part in ended.stderr


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_model_that_cannot_load_ends_the_worker(tmp_path: Path, processes: str) -> None:
    """Exit 1 and the model's name; a server that is never ready would hang a deployment."""
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "model.yaml").write_text(
        'name: n\nversion: "1"\nkind: tensors\nbackend: python\nfiles: {model: m.py}\nsample: {x: [1]}\n'
    )
    (tmp_path / "n" / "m.py").write_text("def infer(inputs, parameters): raise RuntimeError('no kernel')\n")
    ended = run(str(tmp_path), "--listen", "127.0.0.1:0", "--cpu-processes", processes)
    assert ended.returncode == 1
    assert "n: the model 'n' failed: RuntimeError('no kernel')" in ended.stderr
    assert "ready" not in ended.stdout


def listens(address: str) -> bool:
    host, port = address.split(":")
    try:
        socket.create_connection((host, int(port)), WAIT_S_MAX).close()
    except ConnectionError:
        return False
    return True


def ask(http: httpx.Client, name: str, **headers: str) -> httpx.Response:
    body = {**ONE, "parameters": {"as": name}}
    return http.post("/v2/models/gate/infer", json=body, headers=headers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_runs_is_answered_before_the_end(start: Callable[..., Any], gate: Any, number: int) -> None:
    """A rolling update must not cost a request."""
    started = start(str(gate.folder))
    with (
        ThreadPoolExecutor(1) as threads,
        httpx.Client(base_url=f"http://{started.address}", timeout=30) as http,
    ):
        slow = threads.submit(ask, http, "slow")
        gate.wait_entered("slow")
        started.process.send_signal(number)
        while listens(started.address):
            time.sleep(0.01)
        gate.open()
        assert slow.result().status_code == 200
        assert started.process.wait(30) == 0
        started.stop()


def test_waiting_is_bounded_in_number_and_by_the_deadline(start: Callable[..., Any], gate: Any) -> None:
    """One runs, one waits, a third is refused at once; one past its deadline leaves, never run."""
    started = start(str(gate.folder))
    with (
        ThreadPoolExecutor(3) as threads,
        httpx.Client(base_url=f"http://{started.address}", timeout=30) as http,
    ):
        first = threads.submit(ask, http, "first")
        gate.wait_entered("first")
        late = ask(http, "late", **{"Penstock-Deadline-Ms": "50"})
        assert (late.status_code, "Retry-After" in late.headers) == (503, False)
        assert "deadline" in late.json()["error"]
        two = [threads.submit(ask, http, name) for name in ("a", "b")]
        refused = next(as_completed(two)).result()
        assert "pending" in refused.json()["error"]
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
        gate.open()
        assert first.result().status_code == 200
        assert sorted(future.result().status_code for future in two) == [200, 503]
    assert len(gate.entered()) == 2
    assert "late" not in gate.entered()

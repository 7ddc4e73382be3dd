"""Models that come and go while others ask; devices that fail."""

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

WAIT_S_MAX = 60
CONFIG = """
name: {name}
version: "1"
kind: tensors
backend: python
files: {{model: model.py}}
inputs: [{{name: X, datatype: INT32, shape: [-1, 1]}}]
outputs: [{{name: Y, datatype: INT32, shape: [-1, 1]}}]
sample: {{X: [1]}}
queued_max: 64
{more}
"""
TIMES = """
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    return (Tensor.of("Y", "INT32", inputs[0].data * {factor}),)
"""
TIGHT = """
import time
from pathlib import Path
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    if len(inputs[0].data) > 2:
        Path(__file__).with_name("ran-out").touch()
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    time.sleep(0.05)
    return (Tensor.of("Y", "INT32", inputs[0].data + 1),)
"""
BROKEN = """
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    if (inputs[0].data == 13).any():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")
    return (Tensor.of("Y", "INT32", inputs[0].data),)
"""


def write(root: Path, name: str, code: str, more: str = "") -> None:
    (root / name).mkdir(exist_ok=True)
    (root / name / "model.yaml").write_text(CONFIG.format(name=name, more=more))
    (root / name / "model.py").write_text(code)


def ask(http: httpx.Client, name: str, value: int) -> httpx.Response:
    body = {"inputs": [{"name": "X", "shape": [1, 1], "datatype": "INT32", "data": [value]}]}
    return http.post(f"/v2/models/{name}/infer", json=body)


def value_of(answer: httpx.Response) -> int:
    assert answer.status_code == 200, answer.text
    value: int = answer.json()["outputs"][0]["data"][0]
    return value


@pytest.fixture
def http(start: Callable[..., Any], tmp_path: Path) -> Any:
    """A server of two fronts with the models that the test wrote before it asked for this."""

    def serve(*arguments: str) -> tuple[Any, httpx.Client]:
        started = start(str(tmp_path), *arguments)
        opened.append(httpx.Client(base_url=f"http://{started.address}", timeout=30))
        return started, opened[-1]

    opened: list[httpx.Client] = []
    yield serve
    for each in opened:
        each.close()


def test_a_model_is_replaced_under_load_and_nobody_notices(
    http: Callable[..., tuple[Any, httpx.Client]], tmp_path: Path
) -> None:
    """A fresh process loads it; then all change over at once. What it cannot load changes nothing."""
    write(tmp_path, "times", TIMES.format(factor=2))
    write(tmp_path, "other", TIMES.format(factor=10))
    started, client = http("--fronts", "2")
    (first,) = started.children("predictor")
    seen: Counter[int] = Counter()
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=f"http://{started.address}", timeout=30) as mine:
            while not stop.is_set():
                seen[value_of(ask(mine, "times", 1))] += 1

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(load) for _ in range(4)]
        write(tmp_path, "times", TIMES.format(factor=3))
        assert client.post("/v2/repository/models/times/load").status_code == 200
        assert value_of(ask(client, "times", 1)) == 3
        write(tmp_path, "times", "raise RuntimeError('no kernel')\n")
        refused = client.post("/v2/repository/models/times/load")
        assert refused.status_code == 400
        assert "no kernel" in refused.json()["error"]
        assert value_of(ask(client, "times", 1)) == 3
        stop.set()
        for each in asking:
            each.result()
    assert set(seen) == {2, 3}
    assert value_of(ask(client, "other", 1)) == 10
    (second,) = started.children("predictor")
    assert second != first
    assert client.get("/v2/health/ready").status_code == 200


def test_a_model_goes_and_comes_back(http: Callable[..., tuple[Any, httpx.Client]], tmp_path: Path) -> None:
    """In all fronts; the others stay."""
    write(tmp_path, "times", TIMES.format(factor=2))
    write(tmp_path, "other", TIMES.format(factor=10))
    _, client = http("--fronts", "2")
    assert client.post("/v2/repository/models/times/unload").status_code == 200
    assert ask(client, "times", 1).status_code in (400, 404)
    assert value_of(ask(client, "other", 1)) == 10
    assert client.post("/v2/repository/models/times/load").status_code == 200
    assert value_of(ask(client, "times", 4)) == 8


def test_an_unload_lets_what_runs_end_and_refuses_what_waits(start: Callable[..., Any], gate: Any) -> None:
    """Whoever runs has its answer coming; nobody waits for a model that has gone."""
    started = start(str(gate.folder), "--fronts", "1")
    base = f"http://{started.address}"

    def one(name: str, **headers: str) -> httpx.Response:
        tensor = {"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1]}
        body = {"inputs": [tensor], "parameters": {"as": name}}
        return httpx.post(f"{base}/v2/models/gate/infer", json=body, timeout=30, headers=headers)

    def waiting() -> httpx.Response:
        while "pending" in (answer := one("waits")).text:
            time.sleep(0.01)  # the one that looks had the place
        return answer

    with ThreadPoolExecutor(2) as threads:
        runs = threads.submit(one, "runs")
        gate.wait_entered("runs")
        waits = threads.submit(waiting)
        began = time.monotonic()
        while "pending" not in one("looks", **{"Penstock-Deadline-Ms": "50"}).text:
            assert time.monotonic() - began < WAIT_S_MAX
            time.sleep(0.05)  # the second one is not there yet
        assert httpx.post(f"{base}/v2/repository/models/gate/unload").status_code == 200
        assert waits.result().status_code == 503
        gate.open()
        assert runs.result().status_code == 200
    assert gate.entered() == ["runs"]


def test_out_of_memory_makes_batches_smaller_and_fails_nobody(
    http: Callable[..., tuple[Any, httpx.Client]], tmp_path: Path
) -> None:
    """Eight at once, of which the device takes two: all are answered, each with its own."""
    more = "batching: {max_batch_size: 8, max_queue_delay_microseconds: 50000}\nconcurrency: 1"
    write(tmp_path, "tight", TIGHT, more)
    started, client = http("--fronts", "1")

    def one(value: int) -> int:
        with httpx.Client(base_url=f"http://{started.address}", timeout=30) as mine:
            return value_of(ask(mine, "tight", value))

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(one, range(16))) == list(range(1, 17))
    assert (tmp_path / "tight" / "ran-out").exists()
    (stats,) = client.get("/v2/models/tight/stats").json()["model_stats"]
    assert {each["batch_size"] for each in stats["batch_stats"]} <= {1, 2}
    assert stats["inference_stats"]["success"]["count"] == 16
    assert client.get("/v2/health/ready").status_code == 200


def test_a_broken_device_ends_its_process_and_another_comes(
    http: Callable[..., tuple[Any, httpx.Client]], tmp_path: Path
) -> None:
    """After a CUDA error nothing of that process can be trusted."""
    write(tmp_path, "broken", BROKEN)
    started, client = http("--fronts", "1")
    (first,) = started.children("predictor")
    answer = ask(client, "broken", 13)
    assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    began = time.monotonic()
    while ask(client, "broken", 1).status_code != 200:
        assert time.monotonic() - began < WAIT_S_MAX
        time.sleep(0.02)
    assert started.children("predictor") != [first]
    assert any("illegal memory access" in line for line in started.errors)


def test_a_model_placed_in_the_front_needs_no_other_process(
    http: Callable[..., tuple[Any, httpx.Client]], tmp_path: Path
) -> None:
    """No hop at all; the same answers, readiness and reload."""
    write(tmp_path, "times", TIMES.format(factor=2), "placement: front")
    started, client = http("--fronts", "2")
    assert started.children("predictor") == []
    assert value_of(ask(client, "times", 21)) == 42
    assert client.get("/v2/health/ready").status_code == 200
    write(tmp_path, "times", TIMES.format(factor=3), "placement: front")
    assert client.post("/v2/repository/models/times/load").status_code == 200
    assert value_of(ask(client, "times", 1)) == 3
    os.kill(started.children("front")[0], 9)
    began = time.monotonic()
    while len(started.children("front")) < 2:
        assert time.monotonic() - began < WAIT_S_MAX
        time.sleep(0.02)
    with httpx.Client(base_url=f"http://{started.address}", timeout=30) as fresh:
        assert value_of(ask(fresh, "times", 5)) == 15

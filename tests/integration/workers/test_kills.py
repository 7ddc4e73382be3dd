"""kill -9 of any process of the tree, under load: everybody gets an answer, and service comes back."""

import io
import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
from PIL import Image

WAIT_S_MAX = 60
HANG_S_MAX = 20  # of one request: far above what any answer takes, and the failure of whoever gets none
KILLS = 5
CALLERS = 6

CONFIG = """
name: light
version: "1"
kind: classification
backend: python
inputs: [{name: IMAGE, datatype: BYTES, shape: [-1]}]
outputs:
  - {name: LABEL, datatype: BYTES, shape: [-1]}
  - {name: SCORES, datatype: FP32, shape: [-1, 2]}
  - {name: RISK, datatype: FP32, shape: [-1]}
options: {reads: picture, side: 8, classes: [dark, bright], risky: [bright]}
files: {model: model.py, picture: picture.png}
sample: {IMAGE: {file: picture}}
concurrency: 2
queued_max: 4  # with those that run as many as there are callers: what a dead front had must not count on
"""
CODE = """
import numpy as np
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    risk = (inputs[0].data.mean(axis=(1, 2, 3)) > 0).astype(np.float32)
    return (Tensor.of("scores", "FP32", np.stack([1 - risk, risk], axis=1)),)
"""
BRIGHT = io.BytesIO()
Image.new("RGB", (64, 48), "white").save(BRIGHT, "PNG")
RAW = {"Inference-Header-Content-Length": "0"}  # the picture is the body
RETRIED = "Retry-After"


def until(holds: Callable[[], bool], what: str) -> None:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < WAIT_S_MAX, what
        time.sleep(0.02)


class Load:
    """Callers that ask again and again; what each got."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.seen: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CALLERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def count(self, what: str) -> int:
        with self._lock:
            return self.seen[what]

    def goes_on(self) -> None:
        """Wait until more requests succeed."""
        before = self.count("200")
        until(lambda: self.count("200") > before + CALLERS, "service did not come back")

    def _ask(self) -> None:
        while not self._stop.is_set():
            with httpx.Client(base_url=f"http://{self._address}", timeout=HANG_S_MAX) as http:
                try:
                    while not self._stop.is_set():
                        self._note(self._outcome(http))
                except httpx.TimeoutException:
                    self._note("hung")
                except httpx.TransportError:
                    self._note("reset")

    def _outcome(self, http: httpx.Client) -> str:
        answer = http.post("/v2/models/light/infer", content=BRIGHT.getvalue(), headers=RAW)
        if answer.status_code == 503 and (RETRIED not in answer.headers or "error" not in answer.json()):
            return "unclear"
        if answer.status_code == 200 and b"\x06\0\0\0bright" not in answer.content:
            return "wrong"
        return str(answer.status_code)

    def _note(self, outcome: str) -> None:
        with self._lock:
            self.seen[outcome] += 1


@pytest.fixture
def light_model(tmp_path: Path) -> Path:
    (tmp_path / "light").mkdir()
    (tmp_path / "light" / "model.yaml").write_text(CONFIG)
    (tmp_path / "light" / "model.py").write_text(CODE)
    (tmp_path / "light" / "picture.png").write_bytes(BRIGHT.getvalue())
    return tmp_path


def shared_files() -> list[str]:
    return sorted(path.name for path in Path("/dev/shm").iterdir())


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def mappings(pid: int) -> int:
    return Path(f"/proc/{pid}/maps").read_text().count("penstock-front")


def replaced(started: Any, role: str, dead: int) -> bool:
    return dead not in started.children(role) and len(started.children(role)) == 2 - (role == "predictor")


@pytest.mark.parametrize("role", ["front", "stage", "predictor"])
def test_a_killed_process_costs_what_was_in_it_and_nothing_else(
    start: Callable[..., Any], light_model: Path, role: str
) -> None:
    """Many times, under load: 503 in words or a reset connection, never silence, never another's answer."""
    started = start(str(light_model), "--fronts", "2", "--cpu-processes", "2")
    files = shared_files()
    with Load(started.address) as load:
        load.goes_on()
        began = descriptors(started.process.pid)
        for _ in range(KILLS):
            victim = started.children(role)[0]
            os.kill(victim, signal.SIGKILL)
            until(lambda: replaced(started, role, victim), "it was not started again")  # noqa: B023
            load.goes_on()
        until(lambda: descriptors(started.process.pid) <= began, "descriptors are left")
        others = [pid for pid in started.children() if pid not in started.children("front")]
        until(lambda: all(mappings(pid) <= 2 for pid in others), "a dead front's memory is held")
        until(lambda: httpx.get(f"http://{started.address}/v2/health/ready").is_success, "it is not ready")
    assert not load.seen["hung"] + load.seen["wrong"] + load.seen["unclear"], load.seen
    assert set(load.seen) <= {"200", "503", "reset"}, load.seen
    if role != "front":
        assert not load.seen["reset"], load.seen
    assert shared_files() == files
    assert started.stop() == 0
    assert sum("a process died" in line for line in started.errors) == KILLS


def ask_gate(address: str, name: str) -> httpx.Response:
    body = {
        "inputs": [{"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1]}],
        "parameters": {"as": name},
    }
    return httpx.post(f"http://{address}/v2/models/gate/infer", json=body, timeout=HANG_S_MAX)


def test_what_a_killed_predictor_had_is_refused_at_once_and_readiness_tells(
    start: Callable[..., Any], gate: Any
) -> None:
    """One runs that would never end, one waits behind it: both get 503 and when to come again."""
    started = start(str(gate.folder), "--fronts", "1")
    (predictor,) = started.children("predictor")
    with ThreadPoolExecutor(2) as threads:
        asked = [
            threads.submit(ask_gate, started.address, "a"),
            threads.submit(ask_gate, started.address, "b"),
        ]
        until(lambda: len(gate.entered()) == 1, "none began")
        os.kill(predictor, signal.SIGKILL)
        answers = [future.result() for future in asked]
    assert [answer.status_code for answer in answers] == [503, 503]
    assert all(RETRIED in answer.headers for answer in answers)
    assert any("died" in answer.json()["error"] for answer in answers)
    until(lambda: httpx.get(f"http://{started.address}/v2/health/ready").is_success, "it is not ready")
    assert started.children("predictor") != [predictor]


def test_readiness_says_no_while_the_predictor_is_away(start: Callable[..., Any], gate: Any) -> None:
    """A model that cannot be loaded again: the front lives, but must not look ready until it can."""
    started = start(str(gate.folder), "--fronts", "1")
    base = f"http://{started.address}"
    assert httpx.get(f"{base}/v2/health/ready").status_code == 200
    code = gate.folder / "gate" / "model.py"
    good = code.read_text()
    code.write_text("raise RuntimeError('gone')\n")
    (predictor,) = started.children("predictor")
    os.kill(predictor, signal.SIGKILL)
    until(lambda: httpx.get(f"{base}/v2/models/gate/ready").status_code == 503, "it still looks ready")
    until(lambda: any("gone" in line for line in started.errors), "nobody was told")
    assert httpx.get(f"{base}/v2/health/ready").status_code == 503
    assert httpx.get(f"{base}/v2/health/live").status_code == 200
    refused = ask_gate(started.address, "a")
    assert (refused.status_code, RETRIED in refused.headers) == (503, True)
    code.write_text(good)
    until(lambda: httpx.get(f"{base}/v2/health/ready").is_success, "it was not tried again")


def test_all_end_with_a_killed_supervisor(start: Callable[..., Any], light_model: Path) -> None:
    """An orphan would hold the port, and a GPU's memory, against the next server."""
    started = start(str(light_model), "--fronts", "2", "--cpu-processes", "2")
    files = shared_files()
    children = started.children()
    assert len(children) == 5
    with Load(started.address) as load:
        load.goes_on()
        started.stop(signal.SIGKILL)
        until(lambda: not any(alive(pid) for pid in children), "orphans are left")
    assert not load.seen["hung"], load.seen
    assert shared_files() == files


def alive(pid: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def raw(start: Callable[..., Any], gate: Any) -> Iterator[Callable[[str], socket.socket]]:
    """Callers that can hang up."""
    started = start(str(gate.folder), "--fronts", "1")
    opened: list[socket.socket] = []

    def connect(name: str) -> socket.socket:
        host, port = started.address.split(":")
        opened.append(socket.create_connection((host, int(port))))
        body = json.dumps(
            {
                "inputs": [{"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1]}],
                "parameters": {"as": name},
            }
        ).encode()
        head = f"POST /v2/models/gate/infer HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        opened[-1].sendall(head.encode() + body)
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def test_a_caller_that_leaves_is_never_run_and_gives_its_place_back(
    raw: Callable[[str], socket.socket], gate: Any
) -> None:
    """The model lets one run and one wait: the next one gets the place of the one that left."""
    first = raw("first")
    gate.wait_entered("first")
    second = raw("second")
    time.sleep(0.3)  # it is in the queue, or on its way there: either must do
    second.close()
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        third = raw("third")
        third.settimeout(0.3)
        try:
            refused = third.recv(12)
        except TimeoutError:
            break  # it waits: the place was free
        assert refused.startswith(b"HTTP/1.1 503")
        assert time.monotonic() < deadline, "the place never came back"
    gate.open()
    first.settimeout(HANG_S_MAX)
    third.settimeout(HANG_S_MAX)
    assert first.recv(15).startswith(b"HTTP/1.1 200")
    assert third.recv(15).startswith(b"HTTP/1.1 200")
    assert gate.entered() == ["first", "third"]

"""A process that hangs without dying: it is seen, killed and replaced, and its callers are answered."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.workers.test_kills import HANG_S_MAX, RETRIED, Load, light_model, replaced, until

__all__ = ["light_model"]  # the fixture

CONFIG = """
name: {name}
version: "1"
kind: tensors
backend: python
files: {{model: model.py}}
sample: {{INPUT0: [1]}}
batch_seconds_max: {seconds}
"""
SLEEPS = """
import time
def infer(inputs, parameters):
    time.sleep(parameters.get("sleep", 0))
    return inputs
"""
KEEPS_ALL = """
import ctypes
keep = ctypes.PyDLL(None).sleep  # with the interpreter's lock: no other thread of the process runs
def infer(inputs, parameters):
    keep(parameters.get("sleep", 0))
    return inputs
"""


def ask(address: str, name: str, sleep: int = 0, **fields: str) -> httpx.Response:
    tensor = {"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1]}
    body = {"inputs": [tensor], "parameters": {"sleep": sleep}}
    url = f"http://{address}/v2/models/{name}/infer"
    return httpx.post(url, json=body, headers=fields, timeout=HANG_S_MAX)


def write(folder: Path, code: str, seconds: float) -> None:
    (folder / "m").mkdir()
    (folder / "m" / "model.yaml").write_text(CONFIG.format(name="m", seconds=seconds))
    (folder / "m" / "model.py").write_text(code)


@pytest.mark.parametrize("role", ["front", "stage", "predictor"])
def test_a_stopped_process_is_replaced_under_load(
    start: Callable[..., Any], light_model: Path, role: str
) -> None:
    """SIGSTOP is what a call that never returns looks like from outside: there, and silent."""
    started = start(str(light_model), "--fronts", "2", "--cpu-processes", "2")
    with Load(started.address) as load:
        load.goes_on()
        victim = started.children(role)[0]
        os.kill(victim, signal.SIGSTOP)
        until(lambda: replaced(started, role, victim), "it was not replaced")
        load.goes_on()
        until(lambda: httpx.get(f"http://{started.address}/v2/health/ready").is_success, "it is not ready")
    assert not load.seen["hung"] + load.seen["wrong"] + load.seen["unclear"], load.seen
    assert set(load.seen) <= {"200", "503", "reset"}, load.seen
    assert any("a process died" in line and "did nothing at all" in line for line in started.errors)
    assert started.stop() == 0


def test_a_deadline_is_kept_while_a_process_hangs(start: Callable[..., Any], tmp_path: Path) -> None:
    """The front answers at the deadline; it does not wait for the hang to be seen."""
    write(tmp_path, SLEEPS, 60)
    started = start(str(tmp_path), "--fronts", "1")
    (predictor,) = started.children("predictor")
    os.kill(predictor, signal.SIGSTOP)
    answer = ask(started.address, "m", **{"Penstock-Deadline-Ms": "200"})
    assert (answer.status_code, "deadline" in answer.json()["error"]) == (503, True)
    assert started.children("predictor") == [predictor]


def test_a_batch_that_never_ends_ends_its_process(start: Callable[..., Any], tmp_path: Path) -> None:
    """What hangs is in a thread that cannot be ended; its loop beats, so the predictor must see to it."""
    write(tmp_path, SLEEPS, 1)
    started = start(str(tmp_path), "--fronts", "1")
    (predictor,) = started.children("predictor")
    answer = ask(started.address, "m", sleep=1000)
    assert (answer.status_code, RETRIED in answer.headers) == (503, True)
    until(lambda: ask(started.address, "m").is_success, "service did not come back")
    assert predictor not in started.children()
    assert any("a batch of 'm' has not ended" in line for line in started.errors)


def test_a_call_that_keeps_the_interpreter_is_seen_from_outside(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """Nothing of the process's own can run then, its watch over batches included."""
    write(tmp_path, KEEPS_ALL, 60)
    started = start(str(tmp_path), "--fronts", "1")
    (predictor,) = started.children("predictor")
    answer = ask(started.address, "m", sleep=1000)
    assert (answer.status_code, RETRIED in answer.headers) == (503, True)
    until(lambda: ask(started.address, "m").is_success, "service did not come back")
    assert predictor not in started.children()


def test_a_batch_within_its_time_is_let_be(start: Callable[..., Any], tmp_path: Path) -> None:
    """Longer than any look without a beat would be waited for: it waits, and the loop turns."""
    write(tmp_path, SLEEPS, 60)
    started = start(str(tmp_path), "--fronts", "1")
    children = started.children()
    assert ask(started.address, "m", sleep=7).is_success
    assert started.children() == children

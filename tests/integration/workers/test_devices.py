"""One model server with several devices: a predictor each, and none of them the only one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.workers.conftest import ROOT
from tests.integration.workers.test_changes import TIMES, write
from tests.integration.workers.test_kills import CALLERS, Load, light_model, until

__all__ = ["light_model"]  # the fixture

TWO = ("--device", "cpu", "--device", "cpu", "--fronts", "1", "--cpu-processes", "0")
WHO = """
import os, time
import numpy as np
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    time.sleep(0.005)
    return (Tensor.of("Y", "INT32", np.full((1, 1), os.getpid(), np.int32)),)
"""
BODY = {"inputs": [{"name": "X", "shape": [1, 1], "datatype": "INT32", "data": [1]}]}


class Asking(Load):
    """Callers of a model that says which process answered."""

    def _outcome(self, http: httpx.Client) -> str:
        answer = http.post("/v2/models/who/infer", json=BODY)
        if answer.status_code != 200:
            return str(answer.status_code)
        self._note(str(answer.json()["outputs"][0]["data"][0]))
        return "200"


def test_a_killed_predictor_costs_what_was_in_it_and_the_others_serve_on(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    """No request of the living one fails, nobody waits for the dead one's return, and it comes back."""
    write(tmp_path, "who", WHO)
    started = start(str(tmp_path), *TWO)
    first, other = started.children("predictor")
    with Asking(started.address) as load:
        until(lambda: min(load.count(str(first)), load.count(str(other))) > CALLERS, "one has nothing to do")
        os.kill(first, signal.SIGKILL)
        before = load.count(str(other))
        until(lambda: load.count(str(other)) > before + CALLERS, "the other does not serve on")
        assert httpx.get(f"http://{started.address}/v2/health/ready").is_success
        until(lambda: first not in (now := started.children("predictor")) and len(now) == 2, "it stays away")
        (fresh,) = set(started.children("predictor")) - {other}
        until(lambda: load.count(str(fresh)) > CALLERS, "the new one gets nothing")
    assert other in started.children("predictor")
    assert load.seen["503"] <= CALLERS  # at most one of each caller was in it
    assert set(load.seen) == {"200", str(first), str(other), str(fresh)} | set(load.seen) & {"503"}, load.seen
    assert started.stop() == 0


def test_a_load_changes_all_of_them_over(start: Callable[..., Any], tmp_path: Path) -> None:
    """Fresh predictors beside the old on each device, one switch, no request lost."""
    write(tmp_path, "who", WHO)
    write(tmp_path, "times", TIMES.format(factor=2))
    started = start(str(tmp_path), *TWO)
    base = f"http://{started.address}"
    old = set(started.children("predictor"))
    with Asking(started.address) as load:
        load.goes_on()
        write(tmp_path, "times", TIMES.format(factor=3))
        assert httpx.post(f"{base}/v2/repository/models/times/load", timeout=60).is_success
        fresh = set(started.children("predictor"))
        assert len(fresh) == 2
        assert not fresh & old
        until(lambda: min(load.count(str(pid)) for pid in fresh) > 0, "one has nothing to do")
    assert set(load.seen) == {"200", *map(str, old | fresh)}, load.seen
    for _ in range(4):
        answer = httpx.post(f"{base}/v2/models/times/infer", json=BODY).json()
        assert answer["outputs"][0]["data"] == [3]
    assert httpx.post(f"{base}/v2/repository/models/times/unload", timeout=60).is_success
    assert httpx.post(f"{base}/v2/models/times/infer", json=BODY).status_code == 404
    assert started.stop() == 0


@pytest.mark.parametrize(
    ("devices", "words"), [(("cpu", "cuda:1"), "of one type"), (("cpu",) * 17, "17 devices")]
)
def test_devices_that_cannot_be_are_refused(devices: tuple[str, ...], words: str) -> None:
    """Before anything is started."""
    options = [word for device in devices for word in ("--device", device)]
    ran = subprocess.run(
        [sys.executable, "-m", "workers", *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, words in ran.stderr) == (2, True)

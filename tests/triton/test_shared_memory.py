"""What a real Triton server and a worker of ours say to the same calls about shared memory.

Statuses differ where the caller is at fault and Triton says 500: proxies take that for the server's failure.
"""

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.integration.workers.regions import Answer, Object, call, numbers, place

pytestmark = pytest.mark.triton

ROOT = Path(__file__).parents[2]
START_S_MAX = 60.0


@pytest.fixture(scope="module")
def worker() -> Iterator[str]:
    """Its address; `identity` is the model."""
    models = str(ROOT / "tests" / "models")
    command = [sys.executable, "-m", "workers", models, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        killer = threading.Timer(START_S_MAX, process.kill)
        killer.start()
        try:
            assert process.stdout is not None
            found = re.match(r"penstock worker ready http://(\S+)", process.stdout.readline())
            assert found is not None, "the worker did not start"
            yield found[1]
        finally:
            killer.cancel()
            process.terminate()


@pytest.fixture
def both(triton_server: Any, worker: str) -> Iterator[tuple["Server", "Server"]]:
    """Triton and ours, each with a region `r` of 64 bytes in an object of its own."""
    servers = (
        Server(triton_server.http, "identity_int32", ("INPUT", "OUTPUT")),
        Server(worker, "identity", ("INPUT0", "OUTPUT0")),
    )
    yield servers
    for server in servers:
        server.end()


class Server:
    """One of them; what it says is without its own names."""

    def __init__(self, address: str, model: str, names: tuple[str, str]) -> None:
        self._address, self._model, self._names = address, model, names
        self._object = Object()
        self._object.put(numbers(3))
        assert self.memory("POST", "region/r/register", key=self._object.key, byte_size=64).good

    def end(self) -> None:
        assert self.memory("POST", "unregister").good
        self._object.end()

    def memory(self, method: str, path: str, **body: Any) -> Answer:
        if body.get("key") == "its own":
            body["key"] = self._object.key
        return self._plain(call(self._address, method, f"/v2/systemsharedmemory/{path}", body or None))

    def infer(self, given: dict[str, Any], wanted: dict[str, Any]) -> Answer:
        tensor = {"name": self._names[0], "datatype": "INT32", "shape": [1, 4], "parameters": given}
        output = {"name": self._names[1], "parameters": wanted}
        body = {"inputs": [tensor], "outputs": [output]}
        answer = self._plain(call(self._address, "POST", f"/v2/models/{self._model}/infer", body))
        return Answer(answer.status, answer.json.get("outputs", answer.json))

    def got(self, offset: int) -> bytes:
        return self._object.got(16, offset)

    def _plain(self, answer: Answer) -> Answer:
        text = json.dumps(answer.json)
        for name, plain in zip((*self._names, self._object.key), ("IN", "OUT", "KEY"), strict=True):
            text = re.sub(rf"{name}\b", plain, text)
        return Answer(answer.status, json.loads(text))


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "status", {}),
        ("GET", "region/r/status", {}),
        ("GET", "region/none/status", {}),
        ("POST", "region/none/unregister", {}),
        ("POST", "region/r/register", {"key": "its own", "byte_size": 64}),
        ("POST", "region/s/register", {"key": "/penstock-none", "byte_size": 64}),
        ("POST", "region/s/register", {"key": "/../etc/hostname", "byte_size": 64}),
    ],
)
def test_a_call_about_regions_is_answered_in_the_same_words(
    both: tuple[Server, Server], method: str, path: str, body: dict[str, Any]
) -> None:
    """Programs look for them."""
    tritons, ours = (server.memory(method, path, **body) for server in both)
    assert tritons.json == ours.json
    assert tritons.status == ours.status or (tritons.status, ours.status) == (500, 400)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (place("r", 16), {}),
        (place("r", 16), place("r", 16, 32)),
        (place("r", 16), place("r", 32, 32)),
        (place("none", 16), {}),
        (place("r", 16), place("none", 16)),
        (place("r", 16, 64), {}),
        (place("r", 16, 56), {}),
        (place("r", 16, 2**64 - 8), {}),
        (place("r", 16), place("r", 12)),
        (place("r", 16), place("r", 65)),
        (place("r", 16), place("r", 0)),
        (place("r", 16), {**place("r", 16), "binary_data": True}),
    ],
)
def test_a_request_with_places_comes_to_the_same(
    both: tuple[Server, Server], given: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """In words and in memory."""
    tritons, ours = (server.infer(given, wanted) for server in both)
    assert tritons.json == ours.json
    assert tritons.status == ours.status or (tritons.status, ours.status) == (500, 400)
    assert [server.got(32) for server in both] == [both[0].got(32)] * 2
    if tritons.good and wanted:
        assert both[1].got(32) == np.arange(3, 7, dtype="<i4").tobytes()

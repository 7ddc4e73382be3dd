"""Shared memory as clients use it, and the calls about it, each over a connection of its own."""

import itertools
import json
import os
from http.client import HTTPConnection
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ASKED = 16  # connections: that all of them meet one of two fronts has a chance of 1 in 32,768
SIZE = 256
NAMES = itertools.count()


class Object:
    """A shared memory object, as clients make one."""

    def __init__(self, size: int = SIZE) -> None:
        self.key = f"/penstock-test-{os.getpid()}-{next(NAMES)}"
        self._memory = SharedMemory(self.key, create=True, size=size)

    def put(self, data: bytes, offset: int = 0) -> None:
        assert self._memory.buf is not None
        self._memory.buf[offset : offset + len(data)] = data

    def got(self, size: int, offset: int = 0) -> bytes:
        assert self._memory.buf is not None
        return bytes(self._memory.buf[offset : offset + size])

    @property
    def path(self) -> Path:
        return Path("/dev/shm") / self.key[1:]

    def end(self) -> None:
        self._memory.close()
        if self.path.exists():
            self._memory.unlink()


class Answer(NamedTuple):
    """A status and what came with it."""

    status: int
    json: Any

    @property
    def good(self) -> bool:
        return self.status == 200

    @property
    def error(self) -> str:
        return str(self.json["error"])


def call(address: str, method: str, path: str, body: Any = None) -> Answer:
    """Over a connection of its own."""
    connection = HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, None if body is None else json.dumps(body))
        response = connection.getresponse()
        data = response.read()
    finally:
        connection.close()
    return Answer(response.status, json.loads(data) if data else None)


def memory(started: Any, what: str, name: str = "", **body: Any) -> Answer:
    """One of the calls about regions."""
    region = f"/region/{name}" if name else ""
    path = f"/v2/systemsharedmemory{region}/{what}"
    return (
        call(started.address, "GET", path) if what == "status" else call(started.address, "POST", path, body)
    )


def register(started: Any, name: str, of: Object, size: int = SIZE, offset: int = 0) -> None:
    answer = memory(started, "register", name, key=of.key, offset=offset, byte_size=size)
    assert answer.good, answer


def place(region: str, size: int, offset: int = 0) -> dict[str, Any]:
    return {
        "shared_memory_region": region,
        "shared_memory_byte_size": size,
        "shared_memory_offset": offset,
    }


def ask(address: str, given: dict[str, Any], wanted: dict[str, Any], **more: Any) -> Answer:
    """Four numbers in, the same four out."""
    tensor = {"name": "INPUT0", "datatype": "INT32", "shape": [4], "parameters": given}
    body = {"inputs": [tensor], "outputs": [{"name": "OUTPUT0", "parameters": wanted}], **more}
    return call(address, "POST", "/v2/models/identity/infer", body)


def numbers(first: int) -> bytes:
    return np.arange(first, first + 4, dtype="<i4").tobytes()

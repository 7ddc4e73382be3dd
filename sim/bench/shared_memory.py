"""Tensors in the body beside tensors in shared memory: `python -m sim.bench.shared_memory`.

First one caller's requests to an identity model of a real worker, FP32 there and back, in the body as binary
data and in a region. Then what reading a region by its descriptor costs beside a mapping, which would be the
end of the process where its owner cuts the object off. Microseconds, the best of several runs.
"""

import json
import mmap
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from http.client import HTTPConnection
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import click
import numpy as np

SIZES = (1 << 10, 1 << 14, 1 << 18, 1 << 20, 1 << 22, 1 << 24)  # bytes
RUNS = 5
RUN_BYTES = 1 << 26  # of one run, in as many requests as that takes
RUN_MAX = 300  # requests
MODEL = """
name: identity
version: "1"
kind: tensors
backend: python
files: {model: model.py}
sample: {x: [1]}
"""
CODE = "def infer(inputs, parameters):\n    return inputs\n"
READY = re.compile(r"penstock worker ready http://(\S+)")


def best_us(work: Callable[[], object], size: int) -> float:
    """Microseconds of one turn, in the best of some runs."""
    count = max(2, min(RUN_MAX, RUN_BYTES // size))
    took: list[float] = []
    for _ in range(RUNS):
        began = time.perf_counter()
        for _ in range(count):
            work()
        took.append((time.perf_counter() - began) / count)
    return min(took) * 1e6


class Caller:
    """One connection to a worker, and one object that input and output share."""

    def __init__(self, address: str, memory: SharedMemory) -> None:
        self._connection = HTTPConnection(address)
        self.post(
            "/v2/systemsharedmemory/region/r/register",
            json.dumps({"key": memory.name, "byte_size": memory.size}).encode(),
        )

    def in_the_body(self, data: bytes) -> bytes:
        """The output's bytes."""
        head = self._head(len(data), {"binary_data_size": len(data)}, {"binary_data": True})
        fields = {"Inference-Header-Content-Length": str(len(head))}
        return self.post("/v2/models/identity/infer", head + data, fields)[-len(data) :]

    def in_the_region(self, size: int) -> None:
        """From the first half into the second."""
        place = {"shared_memory_region": "r", "shared_memory_byte_size": size}
        head = self._head(size, place, {**place, "shared_memory_offset": size})
        self.post("/v2/models/identity/infer", head)

    def _head(self, size: int, given: dict[str, object], wanted: dict[str, object]) -> bytes:
        tensor = {"name": "x", "datatype": "FP32", "shape": [size // 4], "parameters": given}
        return json.dumps({"inputs": [tensor], "outputs": [{"name": "x", "parameters": wanted}]}).encode()

    def post(self, path: str, body: bytes, fields: dict[str, str] | None = None) -> bytes:
        self._connection.request("POST", path, body, fields or {})
        response = self._connection.getresponse()
        data = response.read()
        assert response.status == 200, data
        return data


def requests(address: str, size: int) -> tuple[float, float]:
    """Microseconds of a request: in the body, in the region."""
    memory = SharedMemory(create=True, size=2 * size)
    try:
        data = np.arange(size // 4, dtype=np.float32).tobytes()
        view = memoryview(memory.buf or b"")
        caller = Caller(address, memory)

        def shared() -> None:
            view[:size] = data  # the caller's own part: its tensor goes in, and the answer out
            caller.in_the_region(size)
            bytes(view[size : 2 * size])

        shared()
        assert bytes(view[size : 2 * size]) == caller.in_the_body(data) == data
        figures = best_us(lambda: caller.in_the_body(data), size), best_us(shared, size)
        caller.post("/v2/systemsharedmemory/unregister", b"")
        view.release()
        return figures
    finally:
        memory.close()
        memory.unlink()


def copies(size: int) -> tuple[float, float]:
    """Microseconds of bringing a region into a front's memory: by a mapping, by its descriptor."""
    file = os.memfd_create("bench")
    os.ftruncate(file, size)
    mapped, heap = mmap.mmap(file, size), memoryview(mmap.mmap(-1, size))
    heap[:] = mapped[:]

    def by_mapping() -> None:
        heap[:] = memoryview(mapped)

    def by_descriptor() -> None:
        heap[:] = os.pread(file, size, 0)

    figures = best_us(by_mapping, size), best_us(by_descriptor, size)
    os.close(file)
    return figures


@click.command(help=__doc__)
def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "identity")
        model.mkdir()
        (model / "model.yaml").write_text(MODEL)
        (model / "model.py").write_text(CODE)
        command = [sys.executable, "-m", "workers", folder, "--listen", "127.0.0.1:0", "--fronts", "1"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                found = READY.match(process.stdout.readline())
                assert found is not None, "the worker did not start"
                click.echo("a request, µs:    bytes  in the body  in shared memory  body/shared")
                for size in SIZES:
                    body, region = requests(found[1], size)
                    click.echo(f"{size:25,}{body:13,.0f}{region:18,.0f}{body / region:13.2f}")
            finally:
                process.terminate()
    click.echo("a region read, µs:    bytes  mapped  by descriptor")
    for size in (64, *SIZES):
        mapped, read = copies(size)
        click.echo(f"{size:27,}{mapped:8,.1f}{read:15,.1f}")


if __name__ == "__main__":
    main()

"""How long callers wait after a process of a worker was killed or stopped, and until service is back.

    python -m sim.bench.worker_kills --kills 5 --stops 2 --callers 32

`kill -9` is a death, SIGSTOP a hang: the supervisor must see that by itself. The model would sleep for a
minute, so whatever comes back comes from the one or the other; a stage is stopped before it is asked, since
no picture takes a minute. A front cannot answer then: its callers' connections are reset, which counts as the
answer here.
"""

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx

from workers.bench.picture import sample_picture

MODELS = Path(__file__).parents[2] / "tests" / "models"
READY = re.compile(r"penstock worker ready http://(\S+)")
SLEEP_MS = 60_000
BEGUN_S = 0.5  # until all requests are in the model
SETTLED_S = 2.0  # until a process has begun its work
BODY = {"inputs": [{"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1.5]}]}
PICTURE = """
name: picture
version: "1"
kind: classification
backend: python
inputs: [{name: IMAGE, datatype: BYTES, shape: [-1]}]
outputs:
  - {name: LABEL, datatype: BYTES, shape: [-1]}
  - {name: SCORES, datatype: FP32, shape: [-1, 2]}
  - {name: RISK, datatype: FP32, shape: [-1]}
options: {reads: picture, side: 8, classes: [one, other], risky: [other]}
files: {model: model.py, picture: picture.jpg}
sample: {IMAGE: {file: picture}}
"""
CODE = """
import numpy as np
from workers.oip.tensors import Tensor
def infer(inputs, parameters):
    return (Tensor.of("scores", "FP32", np.full((len(inputs[0].data), 2), 0.5, np.float32)),)
"""
RAW = {"Inference-Header-Content-Length": "0"}  # the picture is the body


def write_models(root: Path, places: int) -> None:
    """The identity model, which sleeps when asked to, and one of pictures, which stages decode.

    What a dead front had asked sleeps on, for nobody: there are `places` for all of it.
    """
    shutil.copytree(MODELS / "identity", root / "identity")
    config = root / "identity" / "model.yaml"
    config.write_text(config.read_text().replace("concurrency: 64", f"concurrency: {places}"))
    (root / "picture").mkdir()
    (root / "picture" / "model.yaml").write_text(PICTURE)
    (root / "picture" / "model.py").write_text(CODE)
    (root / "picture" / "picture.jpg").write_bytes(sample_picture(0))


def children(parent: int, role: str) -> list[int]:
    """Process ids of one role."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            command = (status.parent / "cmdline").read_text()
            if f"\nPPid:\t{parent}\n" in status.read_text() and f"workers.tree.{role}" in command:
                found.append(int(status.parent.name))
    return found


async def there(supervisor: int, role: str) -> int:
    """A process of that role which has begun its work; one that starts is given more time."""
    while True:
        found = children(supervisor, role)
        if found:
            await asyncio.sleep(SETTLED_S)
            return found[0]
        await asyncio.sleep(0.01)


async def held(http: httpx.AsyncClient, role: str) -> str:
    """A request that would be held there; what came of it."""
    try:
        if role == "stage":
            answer = await http.post("/v2/models/picture/infer", content=sample_picture(0), headers=RAW)
        else:
            body = {**BODY, "parameters": {"delay_ms": SLEEP_MS}}
            answer = await http.post("/v2/models/identity/infer", json=body)
    except httpx.TransportError:
        return "reset"
    return f"{answer.status_code}{' with Retry-After' if 'Retry-After' in answer.headers else ''}"


async def back(address: str) -> None:
    """Until a request succeeds and the server is ready."""
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=5) as http:
        while True:
            with contextlib.suppress(httpx.TransportError):
                ready = await http.get("/v2/health/ready")
                answer = await http.post("/v2/models/identity/infer", json=BODY)
                seen = await http.post("/v2/models/picture/infer", content=sample_picture(0), headers=RAW)
                if ready.status_code == answer.status_code == seen.status_code == 200:
                    return
            await asyncio.sleep(0.01)


async def run(arguments: argparse.Namespace) -> None:
    """Kill, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        write_models(Path(folder), arguments.callers * (arguments.kills + arguments.stops) + 1)
        await run_in(folder, arguments)


async def run_in(folder: str, arguments: argparse.Namespace) -> None:
    """With the models of a folder."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", folder, "--listen", "127.0.0.1:0"),
        *("--fronts", "1", "--cpu-processes", "1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert server.stdout is not None
        found = READY.search((await server.stdout.readline()).decode())
        assert found is not None, "the worker did not start"
        for number, times in ((signal.SIGKILL, arguments.kills), (signal.SIGSTOP, arguments.stops)):
            for role in ("predictor", "stage", "front"):
                if times:
                    said = await measure(server.pid, found[1], role, number, times, arguments.callers)
                    print(f"{number.name} {role:9} {said}", flush=True)
    finally:
        server.terminate()
        await server.wait()


async def measure(
    supervisor: int, address: str, role: str, number: signal.Signals, times: int, callers: int
) -> str:
    """Send a process of that role the signal, so many times; what its callers saw."""
    answered, returned, outcomes = [], [], set()
    for _ in range(times):
        victim = await there(supervisor, role)
        async with httpx.AsyncClient(base_url=f"http://{address}", timeout=SLEEP_MS / 1000) as http:
            if role == "stage":
                os.kill(victim, signal.SIGSTOP)
            asking = [asyncio.create_task(held(http, role)) for _ in range(callers)]
            await asyncio.sleep(BEGUN_S)
            os.kill(victim, number)
            began_s = time.perf_counter()
            outcomes |= set(await asyncio.gather(*asking))
        answered.append(time.perf_counter() - began_s)
        await back(address)
        returned.append(time.perf_counter() - began_s)
    return (
        f"last of {callers} answered after {max(answered) * 1e3:.0f} ms at most "
        f"({', '.join(sorted(outcomes))}), service back after {statistics.median(returned):.1f} s "
        f"(median), {max(returned):.1f} s at most"
    )


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--stops", type=int, default=2)
    parser.add_argument("--callers", type=int, default=32)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()

"""How long callers wait after a process of a worker was killed or stopped, and until service is back.

    python -m sim.bench.worker_kills --kills 5 --stops 2 --callers 32

`kill -9` is a death, SIGSTOP a hang: the supervisor must see that by itself. The model would sleep for a
minute, so whatever comes back comes from the one or the other. A front cannot answer then: its callers'
connections are reset, which counts as the answer here.
"""

import argparse
import asyncio
import contextlib
import os
import re
import signal
import statistics
import sys
import time
from pathlib import Path

import httpx

MODELS = Path(__file__).parents[2] / "tests" / "models"
READY = re.compile(r"penstock worker ready http://(\S+)")
SLEEP_MS = 60_000
BEGUN_S = 0.5  # until all requests are in the model
BODY = {"inputs": [{"name": "INPUT0", "shape": [1], "datatype": "FP32", "data": [1.5]}]}


def children(parent: int, role: str) -> list[int]:
    """Process ids of one role."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            command = (status.parent / "cmdline").read_text()
            if f"\nPPid:\t{parent}\n" in status.read_text() and f"workers.tree.{role}" in command:
                found.append(int(status.parent.name))
    return found


async def held(address: str) -> str:
    """A request that the model would hold; what came of it."""
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=SLEEP_MS / 1000) as http:
        try:
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
                if ready.status_code == answer.status_code == 200:
                    return
            await asyncio.sleep(0.01)


async def run(arguments: argparse.Namespace) -> None:
    """Kill, and measure."""
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", str(MODELS), "--listen", "127.0.0.1:0", "--fronts", "1"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert server.stdout is not None
    found = READY.search((await server.stdout.readline()).decode())
    assert found is not None, "the worker did not start"
    address = found[1]
    for number, times in ((signal.SIGKILL, arguments.kills), (signal.SIGSTOP, arguments.stops)):
        for role in ("predictor", "front"):
            if times:
                said = await measure(server.pid, address, role, number, times, arguments.callers)
                print(f"{number.name} {role:9} {said}", flush=True)
    server.terminate()
    await server.wait()


async def measure(
    supervisor: int, address: str, role: str, number: signal.Signals, times: int, callers: int
) -> str:
    """Send a process of that role the signal, so many times; what its callers saw."""
    answered, returned, outcomes = [], [], set()
    for _ in range(times):
        asking = [asyncio.create_task(held(address)) for _ in range(callers)]
        await asyncio.sleep(BEGUN_S)
        os.kill(children(supervisor, role)[0], number)
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

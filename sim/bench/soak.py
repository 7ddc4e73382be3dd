"""Ten minutes at saturation, and whether a process of the proxy keeps its size.

`python -m sim.bench.soak [--minutes 10]`: one process, the compiled one where it is built, serves wrk over 64
connections without a pause; its resident memory is printed every ten seconds, and at the end the growth since
the first half minute, by a straight line through all that was seen.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec

from sim.bench.peers.payload import small_requests
from sim.bench.peers.penstock import COMPILED, ROWS, table
from sim.bench.peers.server import free_ports
from sim.bench.peers.upstream import start_upstreams
from sim.bench.peers.wrk import run_wrk

SLICE_S = 10
WARM_UP_SLICES = 3
MINUTES, MINUTES_MAX = 10, 60


def main(minutes: int) -> None:
    """Print a line each slice, then the growth."""
    nginx = shutil.which("nginx", path=f"/usr/sbin:{os.environ['PATH']}")
    if nginx is None or shutil.which("wrk") is None:
        sys.exit("needs nginx and wrk: apt-get install nginx-light wrk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upstream, ports = start_upstreams(nginx, max(os.sched_getaffinity(0)), folder)
        stack.callback(upstream.stop)
        file = folder / "table.yaml"
        file.write_bytes(msgspec.json.encode(table(ports, ROWS)))
        port, admin = free_ports(2)
        proxy = _start(file, port, admin)
        stack.callback(proxy.wait)
        stack.callback(proxy.terminate)
        _soak(proxy.pid, port, folder, minutes * 60 // SLICE_S + WARM_UP_SLICES)


def _start(file: Path, port: int, admin: int) -> "subprocess.Popen[bytes]":
    compiled = (COMPILED / "proxy").exists()
    addresses = ("--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}")
    proxy = subprocess.Popen(
        [sys.executable, "-P", "-m", "proxy.cli", "serve", str(file), *addresses, "--queue", "memory://"],
        env={**os.environ, "PYTHONPATH": str(COMPILED if compiled else Path.cwd())},
        stdout=subprocess.PIPE,
    )
    assert proxy.stdout is not None
    line = proxy.stdout.readline()
    assert line.startswith(b"penstock ready"), line
    print("compiled" if compiled else "plain", flush=True)
    return proxy


def _soak(pid: int, port: int, folder: Path, slices: int) -> None:
    began_s, seen, errors = time.monotonic(), list[tuple[float, float]](), 0
    for number in range(slices):
        told = run_wrk(
            f"http://127.0.0.1:{port}", small_requests(), connections=64, seconds=SLICE_S, folder=folder
        )
        errors += told.errors
        minutes, kib = (time.monotonic() - began_s) / 60, resident_kib(pid)
        if number >= WARM_UP_SLICES:
            seen.append((minutes, kib))
        per_s = told.good / (told.duration_us / 1e6)
        print(f"{minutes:5.1f} min  {kib:>9,.0f} KiB  {per_s:>8,.0f} per s  {told.trouble}", flush=True)
    slope = statistics.linear_regression(*zip(*seen, strict=True)).slope
    growth = slope * (seen[-1][0] - seen[0][0]) / seen[0][1]
    print(f"{slope:+.1f} KiB a minute, {growth:+.2%} in all; {errors} errors")


def resident_kib(pid: int) -> float:
    """What the process has in memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return float(line.split()[1])
    raise ValueError(f"no VmRSS of process {pid}")


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=int, choices=range(1, MINUTES_MAX + 1), default=MINUTES)
    main(options.parse_args().minutes)

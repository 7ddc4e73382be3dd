"""Live beside simulated, from a recording: stubs, a proxy, a load, `penstock record`, fit, the same again.

`python -m sim.bench.recorded [--load SHARE] [--seconds N] [--out FOLDER]`. Two applications back each other
up: one of two servers with 4 slots of 20 ms (median, lognormal), one of 8 slots of 60 ms. The load swings
around SHARE of what both serve. Exit 0 once the table is printed: how good is good enough is not judged here.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from sim.recordings.errand import Errand, run
from sim.recordings.fit import fit
from sim.recordings.showing import show

SPREAD = '{{"draw": "lognormal", "median_s": {median_s}, "sigma": 0.3}}'
BEHAVIOUR = '{{"do": "slots", "slots": {slots}, "delay": ' + SPREAD + "}}"
SERVERS = {"fast": (2, 4, 0.02), "slow": (1, 8, 0.06)}
"""Endpoints, slots of each, median in s."""

MEAN_OF_MEDIAN = 1.046  # exp(sigma² ÷ 2)
TABLE = """
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
classes:
  - {{name: urgent, label: 1, deadline: 300}}
  - {{name: relaxed, label: 7, deadline: 2000}}
applications:
  fast: {{endpoints: {fast}, concurrency: 8}}
  slow: {{endpoints: {slow}, concurrency: 8}}
routes:
  - {{application: fast, timeout: 2000, weight: 1, priority: 0, clusterType: http, label: [1, 7]}}
  - {{application: slow, timeout: 2000, weight: 1, priority: 1, clusterType: http, label: [1, 7]}}
"""
PLAN = """
version: 1
name: live
target: http://127.0.0.1:{port}/v2/models/m/infer
stages:
  - {{name: swing, shape: {{kind: sine, rate: {rate}, amplitude: {swing}, period: 20, seconds: {seconds}}}}}
classes:
  - {{name: urgent, deadline: 300, weight: 1, label: 1}}
  - {{name: relaxed, deadline: 2000, weight: 2, label: 7}}
punctuality: {{p50: 50, p99: 500}}
"""
SWING = 0.4
LEAD_S = 15.0


def capacity() -> float:
    """Requests a second of all servers together."""
    return sum(count * slots / (median_s * MEAN_OF_MEDIAN) for count, slots, median_s in SERVERS.values())


@contextlib.contextmanager
def started(*command: str, ready: str) -> Iterator[str]:
    """A process that says that it is ready; the line. It ends with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(ready), f"{command}: {line!r}"
        yield line
    finally:
        process.terminate()
        process.wait()


def penstock(*arguments: str) -> subprocess.Popen[str]:
    """A command of the proxy's, under way."""
    return subprocess.Popen(
        [sys.executable, "-m", "proxy.cli", *arguments], stdout=subprocess.PIPE, text=True
    )


def record(folder: Path, share: float, seconds: float) -> None:
    """Stubs, proxy, load: `table.yaml` and `traffic.jsonl`."""
    with contextlib.ExitStack() as stack:
        urls = {}
        for name, (count, slots, median_s) in SERVERS.items():
            behaviour = BEHAVIOUR.format(slots=slots, median_s=median_s)
            listen = ("--listen", "127.0.0.1:0") * count
            line = stack.enter_context(
                started("sim.stubs", *listen, "--behaviour", behaviour, ready="stub ready")
            )
            urls[name] = str(line.split()[2:])
        (folder / "table.yaml").write_text(TABLE.format(**urls))
        serve = ("serve", str(folder / "table.yaml"), "--queue", "memory://")
        free = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
        line = stack.enter_context(started("proxy.cli", *serve, *free, ready="penstock ready"))
        ports = {part.partition("=")[0]: part.rpartition(":")[2] for part in line.split()[2:]}
        rate = capacity() * share
        plan = PLAN.format(port=ports["http"], rate=rate, swing=rate * SWING, seconds=seconds)
        (folder / "plan.yaml").write_text(plan)
        admin, out = f"127.0.0.1:{ports['admin']}", str(folder / "traffic.jsonl")
        recorder = penstock("record", "--admin", admin, "--for", f"{seconds + LEAD_S}", "--out", out)
        player = penstock("replay", str(folder / "plan.yaml"), "--out", str(folder / "live"))
        print(player.communicate()[0])
        print(recorder.communicate()[0])


def main() -> None:
    """Record, fit, simulate, print."""
    options = argparse.ArgumentParser(prog="python -m sim.bench.recorded", description=__doc__)
    options.add_argument("--load", type=float, default=0.7, help="of the capacity; default 0.7")
    options.add_argument("--seconds", type=float, default=60.0)
    options.add_argument("--out", type=Path, help="default a temporary folder")
    given = options.parse_args()
    folder = given.out or Path(tempfile.mkdtemp(prefix="penstock-recorded-"))
    folder.mkdir(parents=True, exist_ok=True)
    record(folder, given.load, given.seconds)
    found = fit(folder / "traffic.jsonl")
    (folder / "fleet.yaml").write_text(found.text)
    for note in found.notes:
        print(f"note: {note}")
    errand = Errand(
        recording=folder / "traffic.jsonl",
        table=folder / "table.yaml",
        fleet=folder / "fleet.yaml",
        against=None,
        out=None,
    )
    show(Console(width=140), run(errand), ("live", "simulated"))
    print(f"capacity {capacity():,.0f}/s, {os.cpu_count()} cores; {folder}")


if __name__ == "__main__":
    main()

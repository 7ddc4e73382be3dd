"""Schedules, requests and records as files in a folder: what is too large for a pipe between processes.

Flat arrays in the machine's own byte order, for the processes of one run; not a format to keep.
"""

from array import array
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sim.load.record import Record
from sim.load.schedule import Schedule

DUE, KINDS, REQUESTS, WHICH = "due", "kinds", "requests", "which"
TIMES = ("planned_s", "lag_s", "sent_s", "ended_s")
"""Of a record, each a file of float64; `ends` (int16) and `kinds` (bytes) beside them."""

Requests = Sequence[Sequence[bytes]]
"""Of each class, what its requests take turns in being; behind them, those of a recording."""


def write_schedule(
    folder: Path, due_s: bytes, kinds: bytes, requests: Requests, which: bytes | None = None
) -> None:
    """`due_s`: ascending float64; `kinds`: a byte for each; `which`: int32."""
    (folder / DUE).write_bytes(due_s)
    (folder / KINDS).write_bytes(kinds)
    if which is not None:
        (folder / WHICH).write_bytes(which)
    (folder / REQUESTS).write_bytes(msgspec.msgpack.encode(requests))


def read_share(folder: str, process: int, processes: int) -> Schedule:
    """Every n-th request, from the process's own number on."""
    due_s = array("d", Path(folder, DUE).read_bytes())
    kinds = Path(folder, KINDS).read_bytes()
    which = None
    if Path(folder, WHICH).exists():
        which = array("i", Path(folder, WHICH).read_bytes())[process::processes]
    return Schedule(due_s=due_s[process::processes], kinds=kinds[process::processes], which=which)


def read_requests(folder: str) -> list[list[bytes]]:
    """As they were written."""
    return msgspec.msgpack.decode(Path(folder, REQUESTS).read_bytes(), type=list[list[bytes]])


def write_record(folder: str, process: int, record: Record) -> None:
    """What one process saw, a file for each of its arrays."""
    for name in TIMES:
        record_path(folder, process, name).write_bytes(getattr(record, name).tobytes())
    record_path(folder, process, "ends").write_bytes(record.ends.tobytes())
    record_path(folder, process, "kinds").write_bytes(record.kinds)


def record_path(folder: str, process: int, name: str) -> Path:
    """Where that array is."""
    return Path(folder, f"{process}.{name}")

"""A recording, read back: its rows by arrival, and whether all of it is there. Says every bad line.

Decides what is a recording; never what its rows mean. The format is `proxy/recording/rows.py`.
"""

import gzip
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

import msgspec
import numpy as np
import numpy.typing as npt

from proxy.recording.rows import VERSION, End, EndLine, Header, Row
from sim.recordings.errors import RecordingUnreadable

ROWS_MAX = 2_000_000
"""A row takes about a kilobyte of memory."""

PROBLEMS_MAX = 20
LINE_BYTES_MAX = 64 * 1024 * 1024
HEAD = b'{"penstock_recording"'
_END = b'{"end":'
HELD = 2

Floats = npt.NDArray[np.float64]


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` by arrival, tickets' own among them (`drained`). `end` None: it was cut off."""

    header: Header
    rows: list[Row]
    end: End | None

    @property
    def complete(self) -> bool:
        """Whether every request of its time is there."""
        return self.end is not None and self.end.complete

    @property
    def seconds(self) -> float:
        """How long it was recorded; where it was cut off, to its last arrival."""
        if self.end is not None:
            return self.end.seconds
        return self.rows[-1].t_s if self.rows else 0.0

    @property
    def arrivals(self) -> list[Row]:
        """What callers sent: without what tickets were sent again."""
        return [row for row in self.rows if not row.drained]

    def shortfall(self) -> str:
        """What is missing of it, in words; empty where nothing is."""
        end = self.end
        if end is None:
            return "the recording was cut off: how much is missing is not known"
        if end.complete:
            return ""
        lost = end.processes_lost + end.processes_silent
        parts = [f"{sum(end.dropped.values()):,} requests were dropped"] if end.dropped else []
        parts += [f"{end.unfinished:,} had not ended"] if end.unfinished else []
        parts += [f"the last lines of {lost} processes are missing"] if lost else []
        return "the recording is incomplete: " + ", ".join(parts)


def is_recording(path: Path) -> bool:
    """By its first bytes. False also where it cannot be read."""
    try:
        with _open(path) as file:
            return file.read(len(HEAD)) == HEAD
    except (OSError, EOFError):
        return False


def read_recording(path: Path) -> Recording:
    """All of it. Raises RecordingUnreadable."""
    try:
        changed = path.stat()
    except OSError as error:
        raise RecordingUnreadable(f"{path}: {error.strerror}") from error
    return _read(path.resolve(), changed.st_mtime_ns, changed.st_size)


@lru_cache(maxsize=HELD)
def _read(path: Path, _changed_ns: int, _size: int) -> Recording:
    """Held, because a plan is read, drawn and encoded from the same file. Never changed by who reads it."""
    problems: list[str] = []
    rows: list[Row] = []
    end: End | None = None
    decode = msgspec.json.Decoder(Row).decode
    lines = _lines(path)
    header = _header(path, next(lines, (1, b""))[1])
    for number, line in lines:
        try:
            if line.startswith(_END):
                end = msgspec.json.decode(line, type=EndLine).end
            else:
                rows.append(decode(line))
        except msgspec.DecodeError as error:
            problems.append(f"{path}:{number}: {error}")
        if len(rows) > ROWS_MAX:
            problems.append(f"{path}:{number}: more than {ROWS_MAX:,} requests")
        if len(problems) >= PROBLEMS_MAX or len(rows) > ROWS_MAX:
            break
    if problems and not _cut_short(problems, end, number):
        raise RecordingUnreadable("\n" + "\n".join(problems))
    return Recording(header=header, rows=sorted(rows, key=lambda row: row.t_s), end=end)


def _cut_short(problems: list[str], end: End | None, last: int) -> bool:
    """Whether only the last line is bad, of a file that has no end: half of it was written."""
    return end is None and len(problems) == 1 and f":{last}: " in problems[0]


def _header(path: Path, line: bytes) -> Header:
    if not line.startswith(HEAD):
        raise RecordingUnreadable(f"{path}:1: the first line is no header of a recording")
    try:
        header = msgspec.json.decode(line, type=Header)
    except msgspec.DecodeError as error:
        raise RecordingUnreadable(f"{path}:1: {error}") from error
    if header.penstock_recording != VERSION:
        raise RecordingUnreadable(f"{path}:1: version {header.penstock_recording}; {VERSION} can be read")
    return header


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with _open(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(LINE_BYTES_MAX), b""), 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError) as error:
        raise RecordingUnreadable(f"{path}: {getattr(error, 'strerror', None) or error}") from error


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def times_of(rows: list[Row]) -> Floats:
    """When each came, s from the recording's beginning."""
    return np.array([row.t_s for row in rows], dtype=np.float64)

"""Recordings as files: rows as a test wants them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from proxy.recording.rows import (
    VERSION,
    About,
    ApplicationAbout,
    AttemptRow,
    ClassAbout,
    End,
    EndLine,
    Header,
    Row,
)

HEADER = Header(
    penstock_recording=VERSION,
    began="2026-11-11T00:00:00.000000+00:00",
    began_unix_s=1_794_355_200.0,
    seconds=60.0,
    bodies=False,
    rules=[],
    about=About(
        table=1,
        digest="d",
        processes=1,
        classes=[ClassAbout(name="urgent", deadline_ms=100.0), ClassAbout(name="default")],
        applications={"1": ApplicationAbout(endpoints=1, concurrency=8)},
    ),
)


def row(t_s: float, **fields: Any) -> Row:
    """A request that was served in 10 ms; `calls`: (application, began_ms, ms, outcome)."""
    calls = fields.pop("calls", [("1", 0.0, 10.0, "ok")])
    attempts = [
        AttemptRow(application=name, tier=0, outcome=outcome, began_ms=began_ms, ms=ms)
        for name, began_ms, ms, outcome in calls
    ]
    return Row(
        **{
            "t_s": t_s, "unix_s": HEADER.began_unix_s + t_s, "ms": 10.0, "class_name": "urgent",
            "labels": ("1",), "verdict": "served", "status": 200, "in_bytes": 200, "model": "m",
            "application": "1", "tier": 0, "attempts": attempts, **fields,
        }
    )  # fmt: skip


def end(rows: int, **fields: Any) -> End:
    """Of a whole recording of 60 s."""
    return End(
        **{
            "why": "time", "complete": True, "seconds": 60.0, "requests": rows, "unfinished": 0,
            "dropped": {}, "withheld": {}, "processes_lost": 0, "processes_silent": 0, **fields,
        }
    )  # fmt: skip


def write(path: Path, rows: Iterable[Row], ended: End | None = None, *, cut: bool = False) -> Path:
    """In that order; `cut`: without an end."""
    found = list(rows)
    lines: list[msgspec.Struct] = [HEADER, *found]
    if not cut:
        lines.append(EndLine(end=ended or end(len(found))))
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path

"""`penstock simulate RECORDING`: the candidate table beside another one, or beside what was live.

Puts parts together; the figures are `contrast.py`'s.
"""

from pathlib import Path

import msgspec

from proxy.routing.table import Table
from sim.fleet.errors import FleetRefused
from sim.fleet.parse import load_fleet
from sim.recordings.contrast import ALL, Contrast, contrast, rerouted
from sim.recordings.errors import RecordingUnreadable
from sim.recordings.reading import Recording, read_recording
from sim.recordings.virtual import Played, plan_of, played, script_of
from sim.replay.comparison import comparison
from sim.simulate.ground import read_table

COMPARISON = "compare.html"
CONTRAST = "contrast.json"


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Without `against` the live traffic is what the table is set beside."""

    recording: Path
    table: Path
    fleet: Path
    against: Path | None
    out: Path | None
    seed: int = 1


def run(errand: Errand) -> Contrast:
    """Raises RecordingUnreadable, FleetRefused, ReplayRefused."""
    recording = read_recording(errand.recording)
    if not recording.arrivals:
        raise RecordingUnreadable(f"{errand.recording}: nobody sent anything while it was recorded")
    fleet = load_fleet(errand.fleet)
    text = _read(errand.table)
    table = read_table(text, str(errand.table))
    plan = plan_of(errand.recording, recording, seed=errand.seed)
    script = script_of(plan)
    after = played(plan, script, text, fleet)
    if errand.against is None:
        found = _beside_live(recording, after, [*_doubts(recording), *_digest(recording, table)])
    else:
        usual_text = _read(errand.against)
        usual = read_table(usual_text, str(errand.against))
        before = played(plan, script, usual_text, fleet)
        notes = [*_doubts(recording), *_digest(recording, usual), *_labelers(usual, table)]
        found = contrast(
            [row.class_name for row in recording.arrivals],
            before.rows,
            after.rows,
            recording.seconds,
            rerouted=rerouted(usual, table, [row.labels for row in recording.arrivals]),
            notes=notes,
        )
        _write(errand.out, found, before, after)
    return found


def _beside_live(recording: Recording, after: Played, notes: list[str]) -> Contrast:
    rows = recording.arrivals
    found = contrast([row.class_name for row in rows], rows, after.rows, recording.seconds, notes=notes)
    both = found.classes[ALL]
    parts = [
        f"{name} {off(before, now):+.1%}"
        for name, before, now in (
            ("throughput", both.before.throughput, both.after.throughput),
            ("p50", both.before.p50_ms, both.after.p50_ms),
            ("p99", both.before.p99_ms, both.after.p99_ms),
        )
    ]
    tickets = both.after.tickets - both.before.tickets
    answer = f"SIMULATED beside live: {', '.join(parts)}, tickets {tickets:+,}"
    return msgspec.structs.replace(found, answer=answer)


def off(before: float, after: float) -> float:
    """By which share, signed."""
    return (after - before) / before if before else float(after != before)


def _write(out: Path | None, found: Contrast, before: Played, after: Played) -> None:
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / CONTRAST).write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    (out / COMPARISON).write_text(comparison(before.outcome, after.outcome), encoding="utf-8")


def _doubts(recording: Recording) -> list[str]:
    shortfall = recording.shortfall()
    tables = {row.table for row in recording.arrivals}
    found = [shortfall] if shortfall else []
    if len(tables) > 1:
        found.append(f"{len(tables)} tables were in force while it was recorded")
    return found


def _digest(recording: Recording, table: Table) -> list[str]:
    if recording.header.about.digest == table.digest:
        return []
    return ["the table that was in force when the recording began is another one than the one compared with"]


def _labelers(usual: Table, table: Table) -> list[str]:
    if usual.labelers == table.labelers:
        return []
    return ["the labelers of the two tables differ, and none is run: labels are those that were recorded"]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FleetRefused(f"{path}: {getattr(error, 'strerror', None) or error}") from error

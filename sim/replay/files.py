"""What a replay leaves in its folder: `result.json`, the page, each request, and a `.hgrm` for each class."""

from pathlib import Path

import msgspec
from hdrh.histogram import HdrHistogram

from sim.load.ends import word
from sim.load.histogram import DIGITS, MICROS_MAX
from sim.replay.errors import ReportUnusable
from sim.replay.outcome import Outcome
from sim.replay.page import page
from sim.replay.plan import ReplayPlan
from sim.replay.sight import Sight
from sim.replay.threshold import ALL

RESULT, PAGE, REQUESTS = "result.json", "report.html", "requests.jsonl"
CHUNK = 10_000


def write_report(folder: Path, plan: ReplayPlan, outcome: Outcome, sight: Sight, *, requests: bool) -> None:
    """All of them. Raises ReportUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RESULT).write_bytes(msgspec.json.format(msgspec.json.encode(outcome), indent=1) + b"\n")
        for place, name in enumerate([ALL, *(each.name for each in plan.classes)], -1):
            which = sight.ends == 200 if name == ALL else (sight.ends == 200) & (sight.kinds == place)
            _write_histogram(folder / f"{name}.hgrm", sight.where(which))
        if requests:
            _write_requests(folder / REQUESTS, plan, sight)
        (folder / PAGE).write_text(page(outcome), encoding="utf-8")
    except OSError as error:
        raise ReportUnusable(f"{folder}: {error.strerror or error}") from error


def read_outcome(path: Path) -> Outcome:
    """Of a report's folder, or its `result.json`. Raises ReportUnusable."""
    file = path / RESULT if path.is_dir() else path
    try:
        return msgspec.json.decode(file.read_bytes(), type=Outcome)
    except OSError as error:
        raise ReportUnusable(f"{file}: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise ReportUnusable(f"{file} is no result of a replay ({error})") from error


def _write_histogram(path: Path, answered: Sight) -> None:
    """In HdrHistogram's own percentile format, ms, from the planned time."""
    histogram = HdrHistogram(1, MICROS_MAX, DIGITS)
    for micros in (answered.latency_s * 1e6).round().astype(int).tolist():
        histogram.record_value(min(max(1, micros), MICROS_MAX))
    with path.open("wb") as file:
        histogram.output_percentile_distribution(file, 1_000.0)


def _write_requests(path: Path, plan: ReplayPlan, sight: Sight) -> None:
    """A line each, in the order of the plan; times in s from the start, null where it never came to that."""
    names = [each.name for each in plan.classes]
    columns = (sight.planned_s, sight.sent_s, sight.ended_s, sight.ends, sight.kinds)
    encode = msgspec.json.Encoder().encode_lines
    with path.open("wb") as file:
        for start in range(0, len(sight), CHUNK):
            rows = zip(*(column[start : start + CHUNK].tolist() for column in columns), strict=True)
            file.write(
                encode(
                    {
                        "class": names[kind],
                        "planned_s": round(planned_s, 6),
                        "sent_s": round(sent_s, 6) if sent_s >= 0 else None,
                        "ended_s": round(ended_s, 6) if ended_s >= 0 else None,
                        "end": word(end),
                    }
                    for planned_s, sent_s, ended_s, end, kind in rows
                )
            )

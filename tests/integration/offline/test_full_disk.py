"""A disk without room, as the operating system reports it."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_what_does_not_fit_is_refused_and_the_queue_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """No 202 without a durable ticket, no half of one, and no restart needed."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.integration.offline.filling", str(tmp_path / "q.db")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    report = json.loads(run.stdout)
    assert len(report["accepted"]) > 10
    assert report["found"] == report["accepted"]
    assert all("BROKEN" in refused for refused in report["refused"])
    assert report["again"]
    assert report["more"] == 1
    assert report["logged"] == ["offline_queue_failing", "offline_queue_recovered"]

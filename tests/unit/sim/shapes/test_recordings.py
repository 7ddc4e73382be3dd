"""A recording as a shape: each request at its time, as it was; and as a request log, for its times alone."""

from pathlib import Path

import numpy as np
import pytest

from sim.shapes.drawing import draw
from sim.shapes.errors import ShapeRefused, TraceRefused
from sim.shapes.shape import Log, Recorded
from tests.stand_ins.recordings import row, write

MANY = 1_000_000


@pytest.fixture
def file(tmp_path: Path) -> str:
    rows = [
        row(2.0, labels=("1", "44"), in_bytes=300),
        row(5.0, class_name="default", labels=("7",), asked_ms=50.0, fallback="none"),
        row(5.5, labels=("1", "44"), in_bytes=300),
        row(6.0, drained=True),
    ]
    return str(write(tmp_path / "r.jsonl", rows))


def test_each_request_comes_at_its_time_as_it_was(file: str) -> None:
    """Count, times, class, labels, size and wishes; the lull before the first is part of it."""
    drawn = draw(Recorded(file=file), 1, MANY)
    assert drawn.due_s.tolist() == [2.0, 5.0, 5.5]
    assert drawn.seconds == 60.0
    assert drawn.which is not None
    sent = [drawn.exact[place] for place in drawn.which]
    told = [(each.class_name, each.labels, each.size_bytes, each.asked_ms, each.fallback) for each in sent]
    assert told == [
        ("urgent", ("1", "44"), 300, None, "queue"),
        ("default", ("7",), 200, 50.0, "none"),
        ("urgent", ("1", "44"), 300, None, "queue"),
    ]
    assert len(drawn.exact) == 2, "what is the same is made once"


def test_a_part_of_it_faster(file: str) -> None:
    """From 4 s to 8 s in 2 s."""
    drawn = draw(Recorded(file=file, from_s=4.0, to_s=8.0, speed=2.0), 1, MANY)
    assert (drawn.due_s.tolist(), drawn.seconds) == ([0.5, 0.75], 2.0)


def test_more_of_it_keeps_the_mix(tmp_path: Path) -> None:
    """Each copy is of a request that was recorded, at about its time."""
    rows = [row(float(place), labels=(str(place % 2),)) for place in range(50)]
    drawn = draw(Recorded(file=str(write(tmp_path / "r", rows))), 1, MANY, scale=3.0)
    assert drawn.which is not None
    labels = [drawn.exact[place].labels[0] for place in drawn.which]
    assert (len(labels), labels.count("0"), labels.count("1")) == (150, 75, 75)
    near = [int(due_s) % 2 == int(label) for due_s, label in zip(drawn.due_s, labels, strict=True)]
    assert all(near)


def test_less_of_it_is_a_draw_of_it(tmp_path: Path) -> None:
    """Times and requests stay together."""
    rows = [row(float(place), labels=(str(place),)) for place in range(50)]
    drawn = draw(Recorded(file=str(write(tmp_path / "r", rows)), scale=0.5), 1, MANY)
    assert drawn.which is not None
    assert len(drawn.due_s) == 25
    labels = [float(drawn.exact[place].labels[0]) for place in drawn.which]
    assert labels == drawn.due_s.tolist()


def test_a_recording_is_a_request_log_too(file: str) -> None:
    """Its times alone, from the first request on; who sends what is the plan's."""
    drawn = draw(Log(file=file), 1, MANY)
    assert drawn.due_s.tolist() == [0.0, 3.0, 3.5]
    assert drawn.which is None


def test_a_recording_that_was_cut_off_keeps_its_last_request(tmp_path: Path) -> None:
    """It lasts just longer than to there."""
    path = write(tmp_path / "r", [row(1.0), row(2.0)], cut=True)
    assert draw(Recorded(file=str(path)), 1, MANY).due_s.tolist() == [1.0, 2.0]


def test_a_recording_without_requests_or_none_at_all_is_refused(tmp_path: Path) -> None:
    """Before anything is sent."""
    for path in (write(tmp_path / "r", [row(1.0, drained=True)]), tmp_path / "none"):
        with pytest.raises(TraceRefused):
            draw(Recorded(file=str(path)), 1, MANY)
    with pytest.raises(ShapeRefused, match="no part of it"):
        draw(Recorded(file=str(write(tmp_path / "s", [row(1.0)])), from_s=50, to_s=70), 1, MANY)
    assert np.isfinite(draw(Recorded(file=str(tmp_path / "s")), 1, MANY).due_s).all()

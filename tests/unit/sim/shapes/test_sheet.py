"""Trace files as tables."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from sim.shapes.errors import ShapeRefused, TraceRefused
from sim.shapes.recorded import read_times
from sim.shapes.series import read_milestones, read_series
from sim.shapes.sheet import header_of, read_sheet


def written(folder: Path, text: str) -> Path:
    path = folder / "trace.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "stamps",
    [
        ("0", "1.5", "90"),
        ("2023-11-16 18:15:46.6805900", "2023-11-16 18:15:48.1805900", "2023-11-16 18:17:16.6805900"),
        ("2024-05-10T00:00:00Z", "2024-05-10T00:00:01.5Z", "2024-05-10T00:01:30Z"),
        ("2024-05-10 02:00:00+02:00", "2024-05-10 00:00:01.5+00:00", "2024-05-09 20:01:30-0400"),
    ],
)
def test_times_are_seconds_or_dates_with_or_without_an_offset(
    tmp_path: Path, stamps: tuple[str, ...]
) -> None:
    """Traces differ in how they write them."""
    path = written(tmp_path, "TIMESTAMP,x\n" + "".join(f"{each},1\n" for each in stamps))
    assert read_times(path).tolist() == pytest.approx([0, 1.5, 90])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,rate\n0,1\n5,\n", "trace.csv:3: rate '' is not a number"),
        ("t,rate\n0,1\n5,nan\n", "trace.csv:3: rate 'nan'"),
        ("t,rate\n0,1\n\n0,1\n", "trace.csv:4: t is not after the row before"),
        ("t,rate\n0,1\n", "one row only"),
        ("t,rate\n", "trace.csv:1: no rows"),
        ("", "no rows"),
        ("when,rate\n0,1\n5,1\n", "trace.csv:1: no column of times"),
        ("t,rate\n2023-01-01 00:00:00,1\nyesterday,1\n", "trace.csv:3: t 'yesterday' is neither a date"),
    ],
)
def test_a_bad_series_is_told_with_its_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    """Blank lines count as lines, as in an editor."""
    with pytest.raises(TraceRefused) as refused:
        read_series(written(tmp_path, text))
    assert said in str(refused.value)


def test_all_bad_rows_are_told_at_once_but_not_thousands_of_them(tmp_path: Path) -> None:
    """A file of another kind is wrong on every line."""
    path = written(tmp_path, "t,rate\n" + "".join(f"{at},x\n" for at in range(1_000)))
    with pytest.raises(TraceRefused) as refused:
        read_series(path)
    assert str(refused.value).count("is not a number") == 20
    assert "and more" in str(refused.value)


def test_of_several_columns_one_must_be_named(tmp_path: Path) -> None:
    """The message has their names; a wrong one is met with a hint."""
    path = written(tmp_path, "t_s,small,large\n0,1,2\n5,3,4\n")
    assert read_series(path, "large").left.tolist() == [2, 4]
    with pytest.raises(ShapeRefused, match="columns small, large"):
        read_series(path)
    with pytest.raises(TraceRefused, match="no column 'lage'"):
        read_series(path, "lage")


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path) -> None:
    """Not there, not gzip, not text."""
    with pytest.raises(TraceRefused, match="No such file"):
        read_sheet(tmp_path / "none.csv")
    for name, content in (
        ("a.csv.gz", b"no gzip"),
        ("b.csv", b"\xff\xfe\x00"),
        ("c.gz", gzip.compress(b"t")[:9]),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TraceRefused, match=name):
            read_sheet(tmp_path / name)
        with pytest.raises(TraceRefused, match=name):
            header_of(tmp_path / name)


def test_milestones_must_go_forward(tmp_path: Path) -> None:
    """A cumulative figure never falls."""
    head = "year,t_seconds_after_midnight,cumulative_x,day_total_x\n"
    path = written(tmp_path, f"{head}2018,21,10,100\n2019,96,50,100\n2019,90,60,100\n2019,99,40,100\n")
    with pytest.raises(TraceRefused) as refused:
        read_milestones(path, 2019)
    assert [line in str(refused.value) for line in ("trace.csv:3:", "trace.csv:4:", "trace.csv:5:")] == [
        False, True, True,
    ]  # fmt: skip
    with pytest.raises(ShapeRefused, match="no milestones of 2017; it has those of 2018, 2019"):
        read_milestones(path, 2017)


def test_a_day_by_its_milestones_has_the_mean_of_one(tmp_path: Path) -> None:
    """Rates are multiples of it."""
    head = "year,t_seconds_after_midnight,cumulative_x,day_total_x\n"
    day = read_milestones(written(tmp_path, f"{head}2019,96,100,2684\n2019,86400,2684,2684\n"), 2019)
    assert day.count / day.seconds == pytest.approx(1)
    assert day.rates(np.array([0.0, 95.0, 100.0])) == pytest.approx([33.53, 33.53, 0.964], rel=1e-3)

"""Schedules from shapes: how many, when, and the same again."""

from pathlib import Path

import numpy as np
import pytest

from sim.shapes.drawing import curve_of, draw
from sim.shapes.errors import ShapeRefused
from sim.shapes.fidelity import cv_of
from sim.shapes.shape import AnyShape, Burst, Clients, Constant, Log, Milestones, Ramp, Rates, Sine, Steps

MANY = 10_000_000
ALL = [
    Constant(rate=50, seconds=4),
    Steps(rates=(10, 90), each_s=2),
    Ramp(from_rate=0, to_rate=100, seconds=4),
    Burst(rate=40, seconds=4, size=40, spread_s=0.5, first_s=1),
    Sine(rate=50, amplitude=30, period_s=2, seconds=4),
]


@pytest.mark.parametrize("how", ["even", "poisson", "gamma"])
@pytest.mark.parametrize("shape", ALL, ids=lambda each: type(each).__name__)
def test_one_seed_gives_one_ascending_schedule_of_the_count_asked_for(shape: AnyShape, how: str) -> None:
    """However its requests scatter; another seed gives another one, unless nothing is drawn."""
    shape = type(shape)(
        **{**{each: getattr(shape, each) for each in shape.__struct_fields__}, "arrivals": how}
    )
    drawn = draw(shape, 7, MANY)
    assert drawn.due_s.tolist() == draw(shape, 7, MANY).due_s.tolist()
    assert len(drawn.due_s) == 200
    assert (np.diff(drawn.due_s) >= 0).all()
    assert 0 <= drawn.due_s[0] <= drawn.due_s[-1] < drawn.seconds == 4
    assert (drawn.due_s.tolist() == draw(shape, 8, MANY).due_s.tolist()) == (how == "even")


def test_even_arrivals_of_a_constant_rate_do_not_drift() -> None:
    """The last of a million stands where it was planned."""
    due_s = draw(Constant(rate=10_000, seconds=100, arrivals="even"), 1, MANY).due_s
    assert np.abs(due_s - np.arange(1_000_000) / 10_000).max() < 1e-6


def test_a_ramp_has_three_quarters_of_its_requests_in_its_second_half() -> None:
    """The integral of a straight line from 0."""
    due_s = draw(Ramp(from_rate=0, to_rate=1_000, seconds=10), 1, MANY).due_s
    assert (due_s >= 5).mean() == pytest.approx(0.75, abs=0.02)


def test_a_burst_comes_again() -> None:
    """`every_s` after the first."""
    due_s = draw(Burst(rate=0, seconds=10, size=50, spread_s=0.1, first_s=1, every_s=4), 1, MANY).due_s
    assert [int(((due_s >= at) & (due_s < at + 0.11)).sum()) for at in (1, 5, 9)] == [50, 50, 50]


def test_a_burst_at_the_very_start_is_not_lost() -> None:
    """There is no flow before it."""
    assert len(draw(Burst(rate=0, seconds=2, size=10, spread_s=0.5), 1, MANY).due_s) == 10


def test_gamma_gaps_have_the_burstiness_asked_for() -> None:
    """Poisson's is 1."""
    due_s = draw(Constant(rate=100, seconds=1_000, arrivals="gamma", cv=4.0), 1, MANY).due_s
    assert cv_of(due_s) == pytest.approx(4.0, rel=0.02)
    assert cv_of(draw(Constant(rate=100, seconds=1_000), 1, MANY).due_s) == pytest.approx(1.0, rel=0.02)


def test_a_sine_that_swings_below_nothing_sends_nothing_there() -> None:
    """A rate cannot be below 0."""
    curve = curve_of(Sine(rate=10, amplitude=100, period_s=10, seconds=10))
    assert curve.left.min() == 0


def test_the_scale_multiplies_every_rate() -> None:
    """Full public figures are played at a size that fits the machine."""
    assert len(draw(Constant(rate=583_000, seconds=10), 1, MANY, scale=0.0005).due_s) == 2_915


def test_more_than_the_limit_is_refused_before_it_is_drawn() -> None:
    """A zero too many would fill the memory."""
    with pytest.raises(ShapeRefused, match="1,000,000,000 requests; 99 are the limit"):
        draw(Constant(rate=1_000_000, seconds=1_000), 1, 99)


def test_a_rate_series_is_played_between_its_rows_faster_and_more(tmp_path: Path) -> None:
    """Rates hold until the next row; twice as fast is half as long with as many requests."""
    (tmp_path / "r.csv").write_text("t,rate\n0,10\n60,30\n120,0\n")
    whole = draw(Rates(file="r.csv", arrivals="even"), 1, MANY, base=tmp_path)
    assert (len(whole.due_s), whole.seconds) == (2_400, 180)
    assert int((whole.due_s < 60).sum()) == 600
    part = draw(Rates(file="r.csv", from_s=60, to_s=120, speed=2, scale=3), 1, MANY, base=tmp_path)
    assert (len(part.due_s), part.seconds) == (5_400, 30)


def test_counts_by_interval_are_that_many_requests(tmp_path: Path) -> None:
    """As monitoring exports them, with dates."""
    (tmp_path / "c.csv").write_text("timestamp,value\n2014-07-01 00:00:00,100\n2014-07-01 00:30:00,300\n")
    drawn = draw(Rates(file="c.csv", counts=True), 1, MANY, base=tmp_path)
    assert (len(drawn.due_s), int((drawn.due_s < 1_800).sum()), drawn.seconds) == (400, 100, 3_600)


MILESTONES = "year,t_seconds_after_midnight,cumulative_x,day_total_x\n2019,100,10,100\n2019,86400,100,100\n"


def test_milestones_give_the_jump_at_midnight_and_the_quiet_before(tmp_path: Path) -> None:
    """A tenth of the day in 100 s is 86.4 times its mean."""
    (tmp_path / "m.csv").write_text(MILESTONES)
    shape = Milestones(file="m.csv", year=2019, rate=10, from_s=-50, to_s=100, quiet=0.5, arrivals="even")
    due_s = draw(shape, 1, MANY, base=tmp_path).due_s
    assert (int((due_s < 50).sum()), int((due_s >= 50).sum())) == (250, 86_400)


LOG = "TIMESTAMP,tokens\n" + "".join(f"2023-11-16 18:15:{at:09.6f},1\n" for at in (4, 1.5, 1, 9.5, 9))


def test_a_log_is_played_as_it_was(tmp_path: Path) -> None:
    """Count and gaps, in whatever order it was written."""
    (tmp_path / "log.csv").write_text(LOG)
    assert draw(Log(file="log.csv"), 1, MANY, base=tmp_path).due_s.tolist() == [0, 0.5, 3, 8, 8.5]


def test_a_log_is_played_in_part_faster_and_again(tmp_path: Path) -> None:
    """From 3 s to 8 s of it there is one request; twice as fast it comes every 2.5 s."""
    (tmp_path / "log.csv").write_text(LOG)
    shape = Log(file="log.csv", from_s=2, to_s=7, speed=2, loop_s=7)
    assert draw(shape, 1, MANY, base=tmp_path).due_s.tolist() == [0.5, 3.0, 5.5]


@pytest.mark.parametrize(("scale", "count"), [(0.4, 2), (1.0, 5), (2.0, 10), (2.4, 12)])
def test_a_scaled_log_has_so_many_requests_between_the_same_first_and_last(
    tmp_path: Path, scale: float, count: int
) -> None:
    """Copies come before the next of the log; the last of it stays the last."""
    (tmp_path / "log.csv").write_text(LOG)
    due_s = draw(Log(file="log.csv", scale=scale), 1, MANY, base=tmp_path).due_s
    assert len(due_s) == count
    assert (np.diff(due_s) >= 0).all()
    assert due_s[-1] <= 8.5


@pytest.mark.parametrize("window", [(5, 2), (0, 99)])
def test_a_part_that_the_trace_does_not_have_is_refused(tmp_path: Path, window: tuple[float, float]) -> None:
    """Silence in its place would be a load nobody asked for."""
    (tmp_path / "log.csv").write_text(LOG)
    with pytest.raises(ShapeRefused, match="is no part of it"):
        draw(Log(file="log.csv", from_s=window[0], to_s=window[1]), 1, MANY, base=tmp_path)


def test_a_part_of_clients_is_whole_windows(tmp_path: Path) -> None:
    """Half a window has no count of its own."""
    rows = "".join(f"m,1,{at},1,1,Gamma,1,1\n" for at in (0, 600))
    (tmp_path / "c.csv").write_text("category,client,t_s,rate_rps,cv,family,p1,p2\n" + rows)
    assert len(draw(Clients(file="c.csv", to_s=600), 1, MANY, base=tmp_path).due_s) == 600
    with pytest.raises(ShapeRefused, match="begins and ends with one"):
        draw(Clients(file="c.csv", to_s=300), 1, MANY, base=tmp_path)
    with pytest.raises(ShapeRefused, match="1,200 requests; 99 are the limit"):
        draw(Clients(file="c.csv"), 1, 99, base=tmp_path)

"""From measured levels to a table's row."""

import yaml

from workers.bench.figures import Figures, Level


def figures(*levels: tuple[int, float]) -> Figures:
    made = tuple(
        Level(batch=batch, places=2, per_s=per_s, p50_ms=1000 * 2 * batch / per_s, p99_ms=9.0)
        for batch, per_s in levels
    )
    return Figures(model="m", version="1", device="cpu", where="cpu", load_s=1.0, levels=made)


def test_the_knee_is_the_smallest_batch_near_the_best() -> None:
    """A larger one gains a tenth and doubles everybody's wait."""
    assert figures((1, 100.0), (8, 500.0), (16, 540.0), (32, 550.0)).knee().batch == 8


def test_the_rate_leaves_room_and_the_concurrency_keeps_the_batches_full() -> None:
    """80% of 500 a second; two batches of 8 run and two wait."""
    found = figures((1, 100.0), (8, 500.0))
    assert (found.rate, found.concurrency) == (400, 32)


def test_a_model_slower_than_one_a_second_still_has_a_rate() -> None:
    """A rate of 0 would shut it out."""
    assert figures((1, 0.5)).rate == 1


def test_the_row_is_one_to_paste() -> None:
    """YAML of the table's applications."""
    row = yaml.safe_load(figures((8, 500.0)).row(3, "http://h:1"))
    assert row == {3: {"endpoints": ["http://h:1"], "model": "m", "concurrency": 32, "rate": 400}}

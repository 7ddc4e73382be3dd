"""What a calibration says, and its picture."""

import importlib.util
from contextlib import nullcontext
from pathlib import Path

import msgspec
import pytest
import yaml
from rich.console import Console

from sim.calibrate.calibration import Calibration
from sim.calibrate.knee import powers
from sim.calibrate.level import Level
from sim.calibrate.plot import NoPictures, draw
from sim.calibrate.report import line, print_tables, yaml_of
from sim.calibrate.sustained import Trial

LEVELS = [
    Level(
        concurrency=concurrency,
        seconds=1,
        good=good,
        late=0,
        failed=0,
        mean_ms=ms,
        p50_ms=ms,
        p99_ms=ms,
        ends={"200": good},
    )
    for concurrency, good, ms in ((1, 50, 20.0), (2, 100, 20.0), (4, 100, 40.0))
]
TRIALS = [
    Trial(
        percent=percent,
        rate=percent,
        arrivals=100,
        good=good,
        late=100 - good,
        failed=0,
        p50_ms=20,
        p99_ms=60,
    )
    for percent, good in ((90, 100), (110, 40))
]
FOUND = Calibration(
    concurrency=2,
    throughput=100,
    rate=90.1234,
    deadline_ms=100,
    levels=LEVELS,
    powers=powers(LEVELS),
    trials=TRIALS,
    notes=["the knee may lie higher"],
    requests=450,
)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (90.1234, {"concurrency": 2, "rate": 90.1}),
        (12_345.6, {"concurrency": 2, "rate": 12_300}),
        (0, {"concurrency": 2}),
    ],
)
def test_the_words_for_the_table_have_three_digits_and_no_rate_where_none_is_sustained(
    rate: float, expected: dict[str, float]
) -> None:
    """More digits would claim what was not measured; a rate of 0 would let nothing pass."""
    assert yaml.safe_load(yaml_of(msgspec.structs.replace(FOUND, rate=rate))) == expected


def test_every_step_and_every_note_is_told() -> None:
    """Who doubts the answer looks at what it was drawn from."""
    console = Console(width=160, record=True, quiet=False)
    print_tables(console, FOUND)
    told = console.export_text()
    assert all(f"{level.power:,.0f}" in told for level in LEVELS)
    assert ("40.0%" in told, "the knee may lie higher" in told) == (True, True)
    assert line(TRIALS[1]).endswith("40 of 100 in time, not sustained")
    assert "2:    100.0/s" in line(LEVELS[1])


def test_where_no_rate_is_sustained_it_is_said() -> None:
    """A missing line in YAML is easily overlooked."""
    console = Console(width=160, record=True)
    print_tables(console, msgspec.structs.replace(FOUND, rate=0))
    assert "no rate is sustained within 100 ms" in console.export_text()


@pytest.mark.parametrize("drawn", [importlib.util.find_spec("matplotlib") is not None])
def test_a_picture_is_drawn_where_matplotlib_is(tmp_path: Path, drawn: bool) -> None:
    """It comes with the benchmarks; not everybody has it."""
    file = tmp_path / "calibration.svg"
    with nullcontext() if drawn else pytest.raises(NoPictures):
        draw(file, FOUND)
    assert file.exists() == drawn
    assert not drawn or b"<svg" in file.read_bytes()


def test_without_matplotlib_a_picture_is_refused_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In words, before any load."""

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("sim.calibrate.plot.importlib.import_module", absent)
    with pytest.raises(NoPictures, match=r"penstock\[bench\]"):
        draw(Path("nowhere"), FOUND)

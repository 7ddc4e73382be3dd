"""`penstock worker bench`, run as people run it, on a small network."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from workers.bench.figures import Figures
from workers.bench.models import main as write_models
from workers.command import worker


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench") / "models"
    written = CliRunner().invoke(write_models, [str(out), "--models", "vit-toy", "--cpu"])
    assert written.exit_code == 0, written.output
    return out


def test_it_writes_figures_a_picture_and_rows_to_paste(repository: Path, tmp_path: Path) -> None:
    """The table's limits follow from what this machine did."""
    written = [str(tmp_path / "b.json"), str(tmp_path / "b.svg")]
    arguments = ["bench", str(repository), "--device", "cpu", "--seconds", "0"]
    done = CliRunner().invoke(worker, [*arguments, "--json", written[0], "--picture", written[1]])
    assert done.exit_code == 0, done.output
    (found,) = msgspec.json.decode(Path(written[0]).read_bytes(), type=list[Figures])
    assert [level.batch for level in found.levels] == [1, 2, 4, 8]
    assert all(level.per_s > 0 and level.p50_ms <= level.p99_ms for level in found.levels)
    assert f"model: vit-toy, concurrency: {found.concurrency}, rate: {found.rate}" in done.output
    assert "4/4  batch    8" in done.output
    assert "<svg" in Path(written[1]).read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--models", "nothing"], 2, "there is no model 'nothing'"),
        (["--device", "tpu"], 2, "'tpu' is none of"),
        (["--device", "cuda:99"], 1, "there is no cuda:99"),
    ],
)
def test_what_it_cannot_measure_it_says(
    repository: Path, arguments: list[str], code: int, words: str
) -> None:
    """With a status that a script sees."""
    done = CliRunner().invoke(worker, ["bench", str(repository), *arguments])
    assert done.exit_code == code
    assert words in done.output


def test_serving_knows_of_it() -> None:
    """Whoever asks for help finds it."""
    assert "penstock worker bench" in CliRunner().invoke(worker, ["--help"]).output

"""A model's two parts: what is the same everywhere, and what is this deployment's own."""

from pathlib import Path

import pytest

from workers.device import Device
from workers.errors import BadRepository
from workers.repository import read_repository

STATIC = """
name: n
kind: tensors
backend: python
files: {model: model.py}
sample: {x: [1]}
"""
DYNAMIC = """
version: "7"
device: cpu
queued_max: 5
batching: {max_batch_size: 8, preferred_batch_sizes: [4, 8], max_queue_delay_microseconds: 500}
precision: bf16
"""


def write(root: Path, static: str, dynamic: str | None = None) -> None:
    (root / "n").mkdir()
    (root / "n" / "model.yaml").write_text(static)
    (root / "n" / "model.py").write_text("def infer(inputs, parameters): return inputs\n")
    if dynamic is not None:
        (root / "n" / "deployment.yaml").write_text(dynamic)


def problems_of(root: Path) -> str:
    with pytest.raises(BadRepository) as caught:
        read_repository(root)
    return "\n".join(caught.value.problems)


def test_the_two_parts_make_one_entry(tmp_path: Path) -> None:
    """The static part is copied from place to place as it is."""
    write(tmp_path, STATIC, DYNAMIC)
    (entry,) = read_repository(tmp_path)
    assert (entry.version, entry.queued_max, entry.precision) == ("7", 5, "bf16")
    assert entry.device == Device(type="cpu")
    assert entry.batching.preferred_batch_sizes == [4, 8]
    assert entry.batching.delay_s == 0.0005


def test_one_file_with_both_parts_is_read_as_before(tmp_path: Path) -> None:
    """Repositories that exist go on working."""
    write(tmp_path, STATIC + 'version: "1"\nconcurrency: 2\n')
    (entry,) = read_repository(tmp_path)
    assert (entry.version, entry.concurrency, entry.queued_max, entry.precision) == ("1", 2, 64, "fp32")
    assert entry.batching.max_batch_size == 1


def test_what_belongs_to_the_deployment_may_not_stand_in_both_files(tmp_path: Path) -> None:
    """One of the two would silently win."""
    write(tmp_path, STATIC + 'version: "1"\n', DYNAMIC)
    assert "version: belongs into deployment.yaml" in problems_of(tmp_path)


@pytest.mark.parametrize(
    ("dynamic", "words"),
    [
        ("queued_max: 1\n", "deployment.yaml: Object missing required field `version`"),
        ('version: "1"\nspeed: 9\n', "unknown field `speed`"),
        ('version: "1"\nprecision: fp8\n', "Invalid enum value 'fp8'"),
        ('version: "1"\ndevice: tpu\n', "'tpu' is none of cpu, cuda"),
        ('version: "1"\nqueued_max: 0\n', "must be 1 or more"),
        (
            'version: "1"\nbatching: {max_batch_size: 0}\n',
            "max_batch_size is 1 to 4096, not 0 - at `$.batching`",
        ),
        ("- 1\n", "deployment.yaml: Expected `object`"),
        ("a: [\n", "deployment.yaml: while parsing"),
    ],
)
def test_problems_of_a_deployment_are_told_in_words(tmp_path: Path, dynamic: str, words: str) -> None:
    """People write the file."""
    write(tmp_path, STATIC, dynamic)
    assert words in problems_of(tmp_path)


@pytest.mark.parametrize(
    ("asked", "normalise", "device", "found"),
    [
        ("auto", True, "cuda", "gpu"),
        ("auto", False, "cuda", "cpu"),
        ("auto", True, "cpu", "cpu"),
        ("cpu", True, "cuda", "cpu"),
        ("gpu", True, "cpu", "gpu"),
    ],
)
def test_where_pictures_are_decoded_follows_from_the_machine(
    tmp_path: Path, asked: str, normalise: bool, device: str, found: str
) -> None:
    """A configuration that is copied from a GPU machine to another one should need no change."""
    extra = "backend_options: {normalise: true}\n" if normalise else ""
    write(tmp_path, STATIC + extra, f'version: "1"\ndecode: {asked}\n')
    (entry,) = read_repository(tmp_path, (), Device(type=device))
    assert entry.decode == found


def test_a_models_own_device_decides_over_the_servers(tmp_path: Path) -> None:
    """A small model may stay on the CPU of a GPU machine."""
    write(tmp_path, STATIC + "backend_options: {normalise: true}\n", 'version: "1"\ndevice: cpu\n')
    (entry,) = read_repository(tmp_path, (), Device(type="cuda"))
    assert entry.decode == "cpu"

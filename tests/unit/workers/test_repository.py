"""The static configuration: found whole, refused whole."""

from pathlib import Path

import pytest

from workers.command import BUNDLED
from workers.errors import BadRepository
from workers.oip.tensors import TensorSpec
from workers.repository import read_repository

GOOD = """
name: n
version: "1"
kind: tensors
backend: python
files: {model: model.py}
sample: {x: [1]}
"""


def write(root: Path, folder: str, text: str) -> None:
    (root / folder).mkdir()
    (root / folder / "model.yaml").write_text(text)
    (root / folder / "model.py").write_text("def infer(inputs, parameters): return inputs\n")


def problems_of(root: Path, only: tuple[str, ...] = ()) -> str:
    with pytest.raises(BadRepository) as caught:
        read_repository(root, only)
    return "\n".join(caught.value.problems)


def test_the_bundled_models_are_the_four_kinds() -> None:
    """They are what `make run` serves."""
    entries = read_repository(BUNDLED)
    assert {entry.name: entry.kind for entry in entries} == {
        "image-risk": "detection",
        "ad-text-ocr": "recognition",
        "text-toxicity": "classification",
        "bad-ad-retrieval": "retrieval",
    }
    assert all(path.exists() for entry in entries for path in entry.files.values())


def test_a_model_is_read_with_its_defaults(tmp_path: Path) -> None:
    """What a file leaves out has a value that a reader can look up."""
    write(tmp_path, "n", GOOD + "inputs: [{name: x, datatype: FP32, shape: [-1]}]\n")
    (entry,) = read_repository(tmp_path)
    assert (entry.name, entry.version, entry.queued_max) == ("n", "1", 64)
    assert entry.inputs == (TensorSpec(name="x", datatype="FP32", shape=(-1,)),)
    assert entry.files == {"model": tmp_path / "n" / "model.py"}


def test_all_problems_of_all_models_are_told_at_once(tmp_path: Path) -> None:
    """One problem per run would take an operator ten runs."""
    write(
        tmp_path,
        "a",
        GOOD.replace("python", "ruby").replace("tensors", "magic").replace("model.py", "none.py"),
    )
    write(tmp_path, "b", GOOD + "colour: red\n")
    write(tmp_path, "c", "name: [\n")
    write(tmp_path, "d", GOOD.replace("sample", "tag").replace("{x: [1]}", "t"))
    text = problems_of(tmp_path)
    for part in ("'ruby'", "'magic'", "'none.py'", "colour", "c/model.yaml", "sample: is missing"):
        assert part in text


@pytest.mark.parametrize(
    ("old", "new", "part"),
    [
        ("model.py", "../../secret", "leads out of"),
        ("model.py", "{package: no_such_package, path: x}", "is not installed"),
        ("model.py", "{package: numpy, path: ../../x}", "leads out of"),
        ("model.py", "{package: numpy, path: none.onnx}", "there is no 'none.onnx'"),
        ("kind: tensors", "kind: detection\noptions: {classes: [a], risky: {b: 1}}", "risky names b"),
        (
            "kind: tensors",
            "kind: detection\noptions: {classes: [a], risky: {}}",
            "encoded pictures: BYTES of rank 1",
        ),
        ("sample:", "queued_max: 0\nsample:", "must be 1 or more"),
        ("{x: [1]}", "{x: {file: picture}}", "must name one of files"),
        ("sample:", "inputs: [{name: y, datatype: FP33, shape: [0]}]\nsample:", "unknown datatype 'FP33'"),
        ("sample:", "inputs: [{name: y, datatype: FP32, shape: [0]}]\nsample:", "a dimension is -1"),
        (
            "sample:",
            "inputs: [{name: y, datatype: FP32, shape: [1]}]\nsample:",
            "sample.x: there is no such input",
        ),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, part: str) -> None:
    """A message says what is wrong and where."""
    write(tmp_path, "n", GOOD.replace(old, new, 1))
    assert part in problems_of(tmp_path)


def test_two_of_one_name_and_version_are_refused_but_two_versions_are_not(tmp_path: Path) -> None:
    """Versions live side by side; a second one of the same version would be a coin toss."""
    write(tmp_path, "a", GOOD)
    write(tmp_path, "b", GOOD.replace('"1"', '"2"'))
    assert [entry.version for entry in read_repository(tmp_path)] == ["1", "2"]
    write(tmp_path, "c", GOOD)
    assert "is there already" in problems_of(tmp_path)


def test_only_the_models_asked_for_are_read(tmp_path: Path) -> None:
    """A machine may serve a part; a name that is not there is an error, not an empty server."""
    write(tmp_path, "a", GOOD)
    write(tmp_path, "b", GOOD.replace("name: n", "name: m"))
    assert [entry.name for entry in read_repository(tmp_path, ("m",))] == ["m"]
    assert "there is no model 'z'" in problems_of(tmp_path, ("m", "z"))


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    """A mistyped path must not become a server without models."""
    assert "holds no model" in problems_of(tmp_path)
    assert "is not a folder" in problems_of(tmp_path / "none")

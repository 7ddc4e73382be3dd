"""What `use` may name, and what is said where it names nothing that works."""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from labelers import Payload
from labelers.errors import BadLabeler
from labelers.registry import BUILT_INS, build

BODY = b'{"parameters": {"scene": "ad_upload", "label": 7}}'

FILE = """
import dataclasses

@dataclasses.dataclass
class Threshold:
    least: "int" = 3
    def __call__(self, payload):
        return ["long"] if len(payload.body) >= self.least else ["short"]

class Shop:
    of = Threshold(1)

def scene(payload):
    return [payload.json["parameters"]["scene"]]

def labelled(label):
    def labeler(payload):
        return [label]
    return labeler

def no_payload(): return []
def breaks(**options): raise RuntimeError("no such thing")
def leaves(**options): raise SystemExit(3)
def gives_nothing(**options): return None
async def waits(payload): return []
number = 7
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path


def labels(use: str, base: Path | None = None, **options: Any) -> list[int | str]:
    return list(build(use, options, base=base)(Payload(body=BODY)))


def refusal(use: str, base: Path | None = None, **options: Any) -> str:
    with pytest.raises(BadLabeler) as caught:
        build(use, options, base=base)
    return str(caught.value)


def test_built_ins_are_used_by_name() -> None:
    """The commonest case needs no code."""
    assert labels("json-field", path="parameters.label") == ["7"]


@pytest.mark.parametrize("use", sorted(BUILT_INS))
def test_an_option_that_a_built_in_does_not_have_is_refused(use: str) -> None:
    """A misspelt option must not be left out silently."""
    assert "there is no option 'colour'" in refusal(use, colour="red")


def test_what_is_misspelt_is_guessed() -> None:
    """The hint is what the operator needs."""
    assert "did you mean 'json-field'?" in refusal("json-feild")
    assert "did you mean 'path'?" in refusal("json-field", pathh="a")


def test_options_of_the_wrong_kind_are_refused() -> None:
    """Found when the table is read, not when a request comes."""
    assert "missing required field `path`" in refusal("json-field")
    assert "Expected `str`" in refusal("json-field", path=7)


def test_a_module_attribute_is_imported() -> None:
    """An installed package of one's own; the example that the README shows."""
    assert labels("labelers.ad_scene:ad_scene") == [1125]


def test_a_function_of_a_file_beside_the_table_is_the_labeler(base: Path) -> None:
    """No packaging is needed to begin; with `.py` and without."""
    assert labels("mine.py:scene", base) == ["ad_upload"]
    assert labels("mine:scene", base) == ["ad_upload"]


def test_with_options_the_attribute_is_called_with_them_and_returns_the_labeler(base: Path) -> None:
    """A factory."""
    assert labels("mine.py:labelled", base, label=44) == [44]


def test_a_class_is_made_into_an_object_with_or_without_options(base: Path) -> None:
    """The class itself, called with a payload, would be no labels."""
    assert labels("mine.py:Threshold", base) == ["long"]
    assert labels("mine.py:Threshold", base, least=10**6) == ["short"]
    assert labels("mine.py:Shop.of", base) == ["long"]


@pytest.mark.parametrize(
    ("use", "options", "said"),
    [
        ("mine.py:number", {}, "not callable"),
        ("mine.py:scenes", {}, "did you mean 'scene'?"),
        ("mine.py:no_payload", {}, "does not take one payload"),
        ("mine.py:waits", {}, "async"),
        ("mine.py:labelled", {"colour": 1}, "does not take these options (colour)"),
        ("mine.py:breaks", {"a": 1}, "RuntimeError: no such thing"),
        ("mine.py:leaves", {"a": 1}, "SystemExit: 3"),
        ("mine.py:gives_nothing", {"a": 1}, "must give the labeler"),
        ("mine.py:labelled", {}, ""),
        ("none.py:scene", {}, "No such file"),
        ("no_such_module:scene", {}, "No module named"),
        ("mine.py:", {}, "no attribute ''"),
        (":scene", {}, "cannot be loaded"),
        ("json", {}, "no labeler is named"),
    ],
)
def test_what_cannot_be_a_labeler_is_refused_with_the_reason(
    base: Path, use: str, options: dict[str, Any], said: str
) -> None:
    """Before a request meets it. (A factory without its options looks like a labeler: only a call tells.)"""
    if said:
        assert said in refusal(use, base, **options)
    else:
        assert callable(build(use, options, base=base))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f(:\n", "(line 1)"),
        ("import nothing_like_that\n", "ModuleNotFoundError"),
        ("\n\n1 / 0\n", "ZeroDivisionError: division by zero (line 3)"),
        ("import sys\nsys.exit(3)\n", "SystemExit"),
        ("\x00", "null bytes"),
    ],
)
def test_a_file_that_cannot_be_executed_is_refused_with_the_line(
    tmp_path: Path, source: str, said: str
) -> None:
    """Not even sys.exit in it ends the proxy."""
    (tmp_path / "bad.py").write_text(source)
    assert said in refusal("bad.py:f", tmp_path)


def test_an_edited_file_is_read_afresh_even_within_its_second_and_size(tmp_path: Path) -> None:
    """Python's own cache tells versions apart by second and size; a reload must not."""
    path = tmp_path / "mine.py"
    path.write_text("def f(payload): return [1]\n")
    os.utime(path, (1_000_000, 1_000_000))
    first = build("mine.py:f", {}, base=tmp_path)
    path.write_text("def f(payload): return [2]\n")
    os.utime(path, (1_000_000, 1_000_000))
    assert list(build("mine.py:f", {}, base=tmp_path)(Payload())) == [2]
    assert list(first(Payload())) == [1]


def test_a_file_leaves_nothing_in_the_list_of_modules(base: Path) -> None:
    """A thousand reloads must not keep a thousand modules."""
    before = set(sys.modules)
    build("mine.py:scene", {}, base=base)
    assert set(sys.modules) == before


def test_installed_packages_offer_labelers_by_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Labelers that are shared between teams come as packages."""
    (tmp_path / "shared_labels.py").write_text("def seven(payload):\n    return [7]\n")
    info = tmp_path / "shared_labels-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shared-labels\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[penstock.labelers]\nseven = shared_labels:seven\nlost = shared_labels:eight\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert labels("seven") == [7]
    assert "cannot be loaded" in refusal("lost")
    assert "did you mean 'seven'?" in refusal("sevens")
    monkeypatch.delitem(sys.modules, "shared_labels")


def test_numpy_is_imported_before_the_first_request(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import takes longer than any labeler's time budget."""
    imported: list[str] = []
    monkeypatch.setattr(importlib, "import_module", imported.append)
    build("mine.py:scene", {}, base=base)
    assert imported == ["numpy"]

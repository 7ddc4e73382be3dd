"""What the README shows is true: its tables build, its files run, its session answers as printed."""

import doctest
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from labelers import Payload, labels
from labelers.registry import BUILT_INS, build

README = Path(__file__).parents[3] / "labelers" / "README.md"
OF_THE_TABLE = ("use", "default", "budget")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def entries() -> list[dict[str, Any]]:
    return [entry for block in blocks("yaml") for entry in yaml.safe_load(block)["labelers"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for block in blocks("python"):
        if name := re.match(r"# (\w+\.py)\n", block):
            (tmp_path / name[1]).write_text(block)
    (tmp_path / "words.txt").write_text("44 weapon\n")
    return tmp_path


def test_every_labeler_that_it_shows_can_be_built_and_asked(folder: Path) -> None:
    """An example that does not work is worse than none."""
    payload = Payload(model="m", id="1", body=b'{"parameters": {"scene": "ad_upload"}, "inputs": []}')
    shown = entries()
    assert len(shown) > 15
    for entry in shown:
        options = {key: value for key, value in entry.items() if key not in OF_THE_TABLE}
        assert isinstance(labels.collect(build(entry["use"], options, base=folder), payload), list)


def test_the_files_that_it_shows_do_what_it_says(folder: Path) -> None:
    """A function, a factory, a class."""
    body = b'{"parameters": {"scene": "ad_upload"}}'
    payload = Payload(body=body, headers=((b"X-Tenant", b"initech"),))
    asked = {
        ("ad_scene", ()): ["1125"],
        ("threshold", (("least_bytes", len(body)), ("label", "large"))): ["large"],
        ("threshold", (("least_bytes", len(body) + 1), ("label", "large"))): [],
        ("Tenant", ()): ["tenant:other"],
        ("Tenant", (("known", ("initech",)),)): ["tenant:initech"],
    }
    for (name, options), found in asked.items():
        assert labels.collect(build(f"my_labelers.py:{name}", dict(options), base=folder), payload) == found


def test_its_session_answers_as_printed() -> None:
    """What a reader types must print what the reader sees."""
    sessions = [block for block in blocks("python") if block.startswith(">>>")]
    assert sessions
    for session in sessions:
        test = doctest.DocTestParser().get_doctest(session, {}, "README", str(README), 0)
        assert doctest.DocTestRunner().run(test).failed == 0


def test_every_built_in_has_its_section() -> None:
    """One that nobody can find is not there."""
    assert set(re.findall(r"^### (\S+)$", README.read_text("utf-8"), re.MULTILINE)) == set(BUILT_INS)
    assert {entry["use"] for entry in entries()} >= set(BUILT_INS)

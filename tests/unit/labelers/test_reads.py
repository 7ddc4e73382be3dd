"""Labelers that say what they read, and are held to it."""

from pathlib import Path

import pytest

from labelers import Payload
from labelers.errors import BadLabeler, BodyUnread
from labelers.labels import reads_head
from labelers.registry import build

MAP = {"a": [1]}
HEADLESS = Payload(model="m", id="i", headers=((b"X-A", b"b"),), body=None)


@pytest.mark.parametrize(
    ("use", "options", "head"),
    [
        ("header", {"name": "X-A"}, True),
        ("header", {"name": "X-A", "map": MAP}, True),
        ("model", {"map": MAP}, True),
        ("percent", {"buckets": [{"percent": 50, "label": 1}]}, True),
        ("percent", {"buckets": [{"percent": 50, "label": 1}], "by": "header:X-A"}, True),
        ("percent", {"buckets": [{"percent": 50, "label": 1}], "by": "json:a"}, False),
        ("json-field", {"path": "a"}, False),
        ("jmespath", {"expression": "a"}, False),
    ],
)
def test_a_built_in_says_whether_the_head_is_enough_and_it_is(use: str, options: object, head: bool) -> None:
    """What it says is what it does: without a body it gives its labels, or asks for the body."""
    labeler = build(use, options)  # type: ignore[arg-type]
    assert reads_head(labeler) is head
    if head:
        list(labeler(HEADLESS))
    else:
        with pytest.raises(BodyUnread):
            list(labeler(HEADLESS))


@pytest.mark.parametrize("wanted", ["body", "json", "json_part", "binary", "tensors"])
def test_a_body_that_is_not_read_cannot_be_asked_for(wanted: str) -> None:
    """An empty one would give other labels than the right one, and nobody would see it."""
    with pytest.raises(BodyUnread):
        getattr(HEADLESS, wanted)
    assert (HEADLESS.model, HEADLESS.id, HEADLESS.headers["x-a"]) == ("m", "i", "b")


FILE = """
def scene(payload):
    return [payload.headers.get("x-a", "none")]
scene.reads = "head"

def unsaid(payload):
    return []

class Tenant:
    reads = "head"
    def __call__(self, payload):
        return []

def wrong(payload):
    return []
wrong.reads = "heads"
"""


def test_a_plugin_says_so_by_an_attribute(tmp_path: Path) -> None:
    """A function, or a class; who says nothing is shown the body."""
    (tmp_path / "mine.py").write_text(FILE)
    assert reads_head(build("mine:scene", {}, base=tmp_path))
    assert reads_head(build("mine:Tenant", {}, base=tmp_path))
    assert not reads_head(build("mine:unsaid", {}, base=tmp_path))
    with pytest.raises(BadLabeler, match=r"one of: head, body"):
        build("mine:wrong", {}, base=tmp_path)

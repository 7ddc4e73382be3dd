"""What is sent: from files or made, with labels in turn."""

from pathlib import Path

import msgspec
import pytest

from sim.load.target import read_target
from sim.replay.errors import ReplayRefused
from sim.replay.payloads import requests_of
from sim.replay.plan import Payload, TrafficClass
from sim.replay.script import write_script
from tests.unit.sim.replay.plans import GOOD, plan_of

TARGET = read_target("http://127.0.0.1:8080/v2/models/m/infer")


def sent(
    folder: Path, payload: Payload, labels: tuple[str, ...] = (), bytes_max: int = 10_000
) -> list[bytes]:
    each = TrafficClass(name="a", weight=1, deadline_s=1, labels=labels, payload=payload)
    return requests_of(TARGET, each, folder, 1, bytes_max)


def body(request: bytes) -> dict[str, object]:
    return msgspec.json.decode(request.partition(b"\r\n\r\n")[2], type=dict[str, object])


def test_lines_of_requests_are_sent_as_they_are_with_the_label_put_in(tmp_path: Path) -> None:
    """Other parameters stay."""
    (tmp_path / "r.jsonl").write_text('{"inputs": [], "parameters": {"scene": "ad"}}\n\n{"inputs": [1]}\n')
    found = [body(each) for each in sent(tmp_path, Payload(kind="jsonl", path="r.jsonl"), ("1", "44", "7"))]
    assert found == [
        {"inputs": [], "parameters": {"scene": "ad", "label": "1"}},
        {"inputs": [1], "parameters": {"label": "44"}},
        {"inputs": [], "parameters": {"scene": "ad", "label": "7"}},
    ]


@pytest.mark.parametrize(
    ("name", "text", "field"),
    [
        ("t.txt", "一\ntwo\n", ""),
        ("t.csv", "n,TEXT\n1,一\n2,two\n", "TEXT"),
        ("t.jsonl", '{"p":"一"}\n{"p":"two"}\n', "p"),
    ],
)
def test_texts_are_tensors(tmp_path: Path, name: str, text: str, field: str) -> None:
    """Of lines, a column, or a key."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    found = [body(each) for each in sent(tmp_path, Payload(kind="text", path=name, field=field))]
    assert [each["inputs"][0]["data"] for each in found] == [["一"], ["two"]]


def test_pictures_and_made_bytes_travel_in_the_binary_extension(tmp_path: Path) -> None:
    """Length before bytes, after the JSON whose length the header states."""
    (tmp_path / "dress").mkdir()
    (tmp_path / "dress" / "a.JPG").write_bytes(b"jpeg")
    (tmp_path / "notes.txt").write_text("no picture")
    (request,) = sent(tmp_path, Payload(kind="pictures", path="."), ("7",))
    head, _, content = request.partition(b"\r\n\r\n")
    length = int(head.split(b"Inference-Header-Content-Length: ")[1].split(b"\r\n")[0])
    assert content[length:] == b"\x04\x00\x00\x00jpeg"
    assert msgspec.json.decode(content[:length])["parameters"] == {"label": "7"}
    assert len(sent(tmp_path, Payload(kind="made", size_bytes=100))) == 16


@pytest.mark.parametrize(
    ("name", "kind", "text", "said"),
    [
        ("r.jsonl", "jsonl", '{}\n{"a"\n', "r.jsonl:2: not a JSON object"),
        ("r.jsonl", "text", '{"q": 1}\n', "r.jsonl:1: no text under 'p'"),
        ("r.csv", "text", "a,b\n1,2\n", "r.csv:1: no column 'p'"),
        ("r.txt", "text", "\n", "nothing in it to send"),
    ],
)
def test_a_bad_payload_file_is_told_with_its_line(
    tmp_path: Path, name: str, kind: str, text: str, said: str
) -> None:
    """Before anything is sent."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ReplayRefused) as refused:
        sent(tmp_path, Payload(kind=kind, path=name, field="p"))
    assert said in str(refused.value)


def test_payloads_have_a_limit_in_memory(tmp_path: Path) -> None:
    """A folder of pictures may be large."""
    with pytest.raises(ReplayRefused, match="more than 99 bytes"):
        sent(tmp_path, Payload(), bytes_max=99)
    with pytest.raises(ReplayRefused, match="No such file"):
        sent(tmp_path, Payload(kind="text", path="none.txt"))


def test_stages_follow_one_another_each_with_its_mix() -> None:
    """A quarter of the first stage is b, all of the second."""
    script = write_script(plan_of(), Path())
    assert script.bounds_s == (0, 10, 20)
    assert len(script.due_s) == 400
    first, second = script.kinds[script.due_s < 10], script.kinds[script.due_s >= 10]
    assert (len(first), len(second)) == (100, 300)
    assert 0.1 < first.mean() < 0.45
    assert second.min() == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("requests: 1000", "requests: 250", "line 7, stage peak: .* 300 requests; 150 are the limit"),
        ("requests: 1000", "seconds: 15", "20 s; 15 are the limit"),
        ("constant, rate: 10, seconds: 10}", "log, file: none.csv}", "line 6, stage quiet: .*none.csv"),
    ],
)  # fmt: skip
def test_a_schedule_beyond_its_limits_is_refused(old: str, new: str, said: str) -> None:
    """With the stage that does not fit."""
    with pytest.raises(ReplayRefused, match=said):
        write_script(plan_of(GOOD.replace(old, new)), Path())


def test_a_schedule_of_nothing_is_refused() -> None:
    """A scale with a zero too many."""
    with pytest.raises(ReplayRefused, match="no requests"):
        write_script(plan_of(GOOD + "scale: 0.0000001\n"), Path())

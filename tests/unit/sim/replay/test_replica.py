"""Requests of a recording on their way again: which bytes, in which order, of which class."""

from array import array
from pathlib import Path

import msgspec
import pytest

from labelers.content import Content
from sim.load.stored import read_share, write_schedule
from sim.replay.errors import ReplayRefused
from sim.replay.replica import recorded_requests
from sim.replay.script import write_script
from sim.shapes.wanted import Wanted, wanted
from tests.stand_ins.recordings import row, write
from tests.unit.sim.replay.plans import plan_of

PLAN = """\
version: 1
name: again
target: http://127.0.0.1:8080/v2/models/m/infer
stages:
  - {name: before, shape: {kind: constant, rate: 2, seconds: 2, arrivals: even}}
  - {name: again, shape: {kind: recording, file: r.jsonl}}
classes:
  - {name: default, deadline: 1000, weight: 0}
  - {name: urgent, deadline: 100, headers: {X-Scene: ad}}
"""


def parts(request: bytes) -> tuple[bytes, bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    return head, body


def of(**fields: object) -> Wanted:
    return Wanted(**{"class_name": "urgent", "labels": ("1", "44"), "size_bytes": 300, **fields})  # type: ignore[arg-type]


def test_a_request_is_as_large_as_it_was_and_has_its_labels() -> None:
    """To the byte; a small body where it was smaller than any can be."""
    large, small = recorded_requests(plan_of(PLAN), [of(), of(size_bytes=3)], 10_000)
    head, body = parts(large)
    assert len(body) == 300
    assert b"Content-Length: 300" in head
    assert msgspec.json.decode(body)["parameters"] == {"label": "1,44"}
    assert msgspec.json.decode(parts(small)[1])["inputs"][0]["data"] == [""]


def test_what_its_caller_asked_for_is_asked_for_again() -> None:
    """Deadline and fallback; header fields of the class come with it."""
    wishes = [of(asked_ms=50.0, fallback="none"), of(fallback="at-once"), of()]
    first, second, third = (parts(each)[0] for each in recorded_requests(plan_of(PLAN), wishes, 10_000))
    assert b"Penstock-Deadline-Ms: 50\r\n" in first
    assert b"Penstock-Fallback: none" in first
    assert b"Prefer: respond-async" in second
    assert b"Penstock" not in third
    assert all(b"X-Scene: ad" in each for each in (first, second, third))


def test_the_model_is_the_recorded_one() -> None:
    """Where the target's path has a place for it."""
    (request,) = recorded_requests(plan_of(PLAN), [of(model="image-risk")], 10_000)
    assert request.startswith(b"POST /v2/models/image-risk/infer HTTP/1.1\r\n")
    elsewhere = plan_of(PLAN.replace("/v2/models/m/infer", "/infer"))
    (request,) = recorded_requests(elsewhere, [of(model="image-risk")], 10_000)
    assert request.startswith(b"POST /infer HTTP/1.1\r\n")


def test_a_recorded_body_is_sent_as_it_came() -> None:
    """With the length of its JSON where a binary section follows."""
    recorded = wanted(row(0.0, body_base64="eyJhIjoxfQEC", body_json_bytes=7))
    text = wanted(row(0.0, body='{"b": 2}'))
    binary, plain = recorded_requests(plan_of(PLAN), [recorded, text], 10_000)
    head, body = parts(binary)
    content = Content(head.partition(b"\r\n")[2] + b"\r\n", body)
    assert (content.json_part(), bytes(content.binary_part())) == (b'{"a":1}', b"\x01\x02")
    assert parts(plain)[1] == b'{"b": 2}'


def test_a_recording_that_is_too_large_for_memory_is_refused() -> None:
    """With the limit that allows it."""
    with pytest.raises(ReplayRefused, match=r"limits\.payloadBytes"):
        recorded_requests(plan_of(PLAN), [of(), of(size_bytes=900)], 1_000)


def test_a_stage_of_a_recording_stands_beside_others(tmp_path: Path) -> None:
    """Its requests are those recorded, in their class; the others are their class's own."""
    rows = [row(1.0, labels=("1",)), row(2.0, class_name="default", labels=("7",)), row(3.0, labels=("1",))]
    write(tmp_path / "r.jsonl", rows)
    script = write_script(plan_of(PLAN), tmp_path)
    assert script.which is not None
    assert script.which.tolist() == [-1, -1, -1, -1, 0, 1, 0]
    assert script.kinds.tolist() == [1, 1, 1, 1, 1, 0, 1]
    assert script.due_s[4:].tolist() == [3.0, 4.0, 5.0]
    assert [each.labels for each in script.exact] == [("1",), ("7",)]


def test_two_recordings_in_one_plan_do_not_mix(tmp_path: Path) -> None:
    """Each stage sends what its own has."""
    write(tmp_path / "r.jsonl", [row(1.0, labels=("1",)), row(2.0, labels=("7",))])
    write(tmp_path / "s.jsonl", [row(1.0, labels=("44",))])
    text = PLAN.replace(
        "{kind: constant, rate: 2, seconds: 2, arrivals: even}", "{kind: recording, file: s.jsonl}"
    )
    script = write_script(plan_of(text), tmp_path)
    assert script.which is not None
    assert [script.exact[place].labels for place in script.which] == [("44",), ("1",), ("7",)]


def test_a_class_that_the_plan_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    """Its requests would be judged by nobody's deadline."""
    write(tmp_path / "r.jsonl", [row(1.0, class_name="other")])
    with pytest.raises(ReplayRefused, match="requests of class other"):
        write_script(plan_of(PLAN), tmp_path)


def test_a_mix_beside_a_recording_is_refused(tmp_path: Path) -> None:
    """It would not be heeded."""
    write(tmp_path / "r.jsonl", [row(1.0)])
    plan = plan_of(PLAN.replace("file: r.jsonl}", "file: r.jsonl}, mix: {urgent: 1}"))
    with pytest.raises(ReplayRefused, match="its own mix"):
        write_script(plan, tmp_path)


def test_each_process_sends_its_share_of_the_recording(tmp_path: Path) -> None:
    """Every n-th request, with what it is."""
    due_s, which = array("d", [0.0, 1.0, 2.0, 3.0]), array("i", [-1, 5, 6, 7])
    write_schedule(tmp_path, due_s.tobytes(), b"\0\0\0\0", [[b"a"], [b"b"]], which.tobytes())
    shares = [read_share(str(tmp_path), process, 2) for process in (0, 1)]
    assert [list(share.which or ()) for share in shares] == [[-1, 6], [5, 7]]
    write_schedule(tmp_path / ".", due_s.tobytes(), b"\0\0\0\0", [[b"a"]])

"""Plans, their classes and targets, and the shares of processes."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from sim.load.arrivals import Burst, Constant, Step, Steps
from sim.load.errors import PlanRefused
from sim.load.limits import LoadLimits
from sim.load.mix import RequestClass, drawn, encode_request
from sim.load.plan import Plan, checked, schedule
from sim.load.target import Target, reached, read_target

URL = "http://127.0.0.1:9001/v2/models/m/infer"
TARGET = read_target(URL)
PLAN = Plan(
    target=TARGET,
    arrivals=Constant(rate=100, seconds=3),
    classes=(RequestClass(name="a", label="1", weight=1), RequestClass(name="b", label="2", weight=3)),
)


@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_the_shares_of_all_processes_are_the_whole_schedule(processes: int) -> None:
    """Split by index: nothing twice, nothing left out, each with the class that it had."""
    plan = msgspec.structs.replace(PLAN, processes=processes)
    shares = [schedule(plan, number) for number in range(processes)]
    together = sorted(each for share in shares for each in zip(share.due_s, share.kinds, strict=True))
    whole = schedule(PLAN)
    assert together == list(zip(whole.due_s, whole.kinds, strict=True))


def test_classes_are_drawn_by_weight() -> None:
    """A quarter and three quarters; a weight of 0 is never drawn."""
    classes = (*PLAN.classes, RequestClass(name="c", weight=0))
    counts = Counter(drawn(classes, 10_000, seed=1))
    assert counts[0] == pytest.approx(2_500, rel=0.1)
    assert counts[1] == pytest.approx(7_500, rel=0.1)
    assert counts[2] == 0


def test_a_request_has_the_label_where_the_labelers_read_it() -> None:
    """`parameters.label`, as a table's json-field wants it; the length is the body's."""
    head, _, body = encode_request(TARGET, PLAN.classes[0]).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v2/models/m/infer HTTP/1.1\r\nHost: 127.0.0.1:9001\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert msgspec.json.decode(body)["parameters"] == {"label": "1"}


def test_a_body_of_ones_own_is_sent_as_it_is() -> None:
    """With the class's own header fields."""
    each = RequestClass(name="a", body=b"\x00\xff", headers={"Content-Type": "application/octet-stream"})
    sent = encode_request(TARGET, each)
    assert sent.endswith(b"Content-Type: application/octet-stream\r\nContent-Length: 2\r\n\r\n\x00\xff")


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        (URL, "127.0.0.1", 9001, "/v2/models/m/infer"),
        ("http://localhost", "localhost", 80, "/"),
        ("http://[::1]:8/a?b=c", "::1", 8, "/a?b=c"),
    ],
)
def test_a_url_on_loopback_is_a_target(url: str, host: str, port: int, path: str) -> None:
    """By number or by name."""
    assert read_target(url) == Target(host=host, port=port, path=path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://127.0.0.1/", "without TLS"),
        ("127.0.0.1:80", "is not http://HOST:PORT"),
        ("http://127.0.0.1:99999/", "ort"),
        ("http://example.com/", "--allow example.com"),
        ("http://10.0.0.1/", "--allow 10.0.0.1"),
        ("http://127.0.0.1/a b", "percent encoding"),
    ],
)
def test_what_is_no_loopback_url_gets_no_load(url: str, said: str) -> None:
    """A slip of the pen must not load somebody else's machine."""
    with pytest.raises(PlanRefused, match=said):
        read_target(url)


def test_a_host_that_is_allowed_by_name_gets_load() -> None:
    """That one alone."""
    assert read_target("http://example.com/", ["example.com"]).authority == "example.com:80"
    with pytest.raises(PlanRefused):
        read_target("http://example.org/", ["example.com"])


def test_a_target_where_nobody_listens_is_refused_at_once() -> None:
    """Not after ten thousand failed requests. Port 1 is nobody's."""
    with pytest.raises(PlanRefused, match=r"nobody takes connections at 127\.0\.0\.1:1"):
        reached(Target(host="127.0.0.1", port=1, path="/"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"processes": 0}, "0 processes"),
        ({"processes": 33}, "33 processes"),
        ({"arrivals": Constant(rate=1, seconds=0)}, "0 seconds"),
        ({"arrivals": Constant(rate=1, seconds=3_601)}, "3601 seconds"),
        ({"arrivals": Constant(rate=-1, seconds=1)}, "0 or more"),
        ({"arrivals": Constant(rate=float("nan"), seconds=1)}, "0 or more"),
        ({"arrivals": Steps(steps=(Step(rate=float("inf"), seconds=1),))}, "0 or more"),
        ({"arrivals": Burst(rate=1, seconds=1, size=1, every_s=0.0)}, "does not come again at once"),
        ({"arrivals": Burst(rate=1, seconds=1, size=-1)}, "0 or more"),
        ({"warm_up_s": 3.0}, "leaves nothing to count"),
        ({"classes": ()}, "0 classes"),
        ({"classes": (RequestClass(name="a", weight=0),)}, "not all of them 0"),
        ({"classes": (RequestClass(name="a", weight=-1), RequestClass(name="b", weight=2))}, "0 or more"),
        ({"classes": (RequestClass(name="a"), RequestClass(name="a"))}, "one name"),
        ({"processes": 2, "limits": LoadLimits(connections_max=1)}, "at least one connection"),
    ],
)
def test_a_plan_beyond_its_limits_is_refused(change: dict[str, Any], said: str) -> None:
    """With the limit in the message."""
    with pytest.raises(PlanRefused, match=said):
        checked(msgspec.structs.replace(PLAN, **change))


def test_a_plan_within_its_limits_is_taken() -> None:
    """As it is."""
    assert checked(PLAN) is PLAN

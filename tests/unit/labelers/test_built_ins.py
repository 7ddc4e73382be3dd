"""The small built-ins: json-field, header, model, jmespath, percent."""

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelers import Payload
from labelers.errors import BadLabeler
from labelers.labels import LABELS_MAX, collect
from labelers.model import REMEMBERED_MAX
from labelers.places import find, parse_place
from labelers.registry import build


def labels(use: str, payload: Payload, **options: Any) -> list[str]:
    return collect(build(use, options, base=Path()), payload)


def document(value: Any) -> Payload:
    return Payload(body=msgspec.json.encode(value))


def refused(use: str, **options: Any) -> str:
    with pytest.raises(BadLabeler) as caught:
        build(use, options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1125, ["1125"]),
        ("ad", ["ad"]),
        ("1, 44,,1125 ", ["1", "44", "1125"]),
        ([1, "44"], ["1", "44"]),
        ("", []),
        (None, []),
        ([], []),
    ],
)
def test_a_field_is_a_label_a_comma_string_or_a_list(value: Any, found: list[str]) -> None:
    """Callers write what the table writes."""
    payload = document({"parameters": {"label": value}})
    assert labels("json-field", payload, path="parameters.label") == found


@pytest.mark.parametrize("body", [{}, {"parameters": 1}, {"parameters": [1]}, {"parameters": {"x": 1}}])
def test_a_place_that_is_not_there_gives_no_label(body: Any) -> None:
    """Most requests lack some field; that is no fault."""
    assert labels("json-field", document(body), path="parameters.label") == []


def test_a_map_turns_values_into_labels() -> None:
    """Business words in the payload, numbers in the table."""
    options = {"path": "s", "map": {"ad_upload": 1125, "chat": [7, "x"], 3: "1,2", True: "yes"}}
    assert labels("json-field", document({"s": "ad_upload,chat"}), **options) == ["1125", "7", "x"]
    assert labels("json-field", document({"s": [3, True]}), **options) == ["1", "2", "yes"]
    assert labels("json-field", document({"s": "other"}), **options) == []


def test_a_prefix_keeps_values_of_two_fields_apart() -> None:
    """Country 1 and scene 1 are different labels."""
    assert labels("json-field", document({"s": 1}), path="s", prefix="scene-") == ["scene-1"]
    assert labels("json-field", document({"s": 1}), path="s", prefix="p:", map={1: "a,b"}) == ["p:a", "p:b"]


def test_a_long_list_of_values_is_not_mapped_to_its_end() -> None:
    """The caller chooses the list's length."""
    payload = document({"s": [f"a{number}" for number in range(100_000)]})
    known = {f"a{number}": number for number in range(2 * LABELS_MAX)}
    assert len(labels("json-field", payload, path="s", map=known)) == LABELS_MAX


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a", ("a",)),
        ("a.b", ("a", "b")),
        ("inputs[0].data[12]", ("inputs", 0, "data", 12)),
        ("a[1][2]", ("a", 1, 2)),
        ("a b.c-d", ("a b", "c-d")),
    ],
)
def test_places_are_names_and_indices(text: str, place: tuple[str | int, ...]) -> None:
    """As one would write them in JavaScript."""
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "a[x]", "a[-1]", "a[1", "a]", "a[1]b", ".".join("a" * 33)]
)
def test_what_is_no_place_is_refused(text: str) -> None:
    """A path that can never match is a mistake."""
    with pytest.raises(ValueError, match="path"):
        parse_place(text)
    assert "path" in refused("json-field", path=text)


def test_an_index_beyond_the_list_finds_nothing() -> None:
    """Nor does an index into an object, or a name into a list."""
    assert find({"a": [1]}, ("a", 1)) is None
    assert find({"a": [1]}, ("a", 0)) == 1
    assert find({"a": {"0": 1}}, ("a", 0)) is None
    assert find({"a": [1]}, ("a", "0")) is None


@pytest.mark.parametrize(
    "options", [{"path": "a", "map": {"x": None}}, {"path": "a", "prefix": "a b"}], ids=repr
)
def test_labels_in_options_are_checked(options: dict[str, Any]) -> None:
    """Found when the table is read."""
    assert "label" in refused("json-field", **options)


def test_a_header_gives_its_values_as_labels() -> None:
    """Upstreams that cannot change the body can set a header."""
    payload = Payload(headers=((b"X-Biz-Label", b"1, 44"),))
    assert labels("header", payload, name="x-biz-label") == ["1", "44"]
    assert labels("header", payload, name="X-Biz-Label", map={"44": "a"}) == ["a"]
    assert labels("header", payload, name="X-Other") == []
    assert "empty" in refused("header", name=" ")


def test_the_first_pattern_that_matches_the_model_gives_the_labels() -> None:
    """Order decides, so that a catch-all can stand last."""
    options = {"map": {"text-risk": 7, "image-*": [1, 44], "*": "rest"}}
    assert labels("model", Payload(model="text-risk"), **options) == ["7"]
    assert labels("model", Payload(model="image-risk"), **options) == ["1", "44"]
    assert labels("model", Payload(model="Image-risk"), **options) == ["rest"]
    assert labels("model", Payload(model="a\nb"), **options) == ["rest"]
    assert labels("model", Payload(model="x"), map={"y": 1}) == []


def test_names_of_models_that_callers_invent_do_not_fill_the_memory() -> None:
    """The name stands in the path: anybody can write one."""
    labeler = build("model", {"map": {"*": 1}})
    for number in range(REMEMBERED_MAX + 10):
        assert labeler(Payload(model=str(number))) == ("1",)
    remembered = next(cell.cell_contents for cell in labeler.__closure__ if type(cell.cell_contents) is dict)  # type: ignore[attr-defined]
    assert len(remembered) <= REMEMBERED_MAX


def test_an_expression_reaches_what_a_path_cannot() -> None:
    """Inputs are found by name, not by position."""
    payload = document({"inputs": [{"name": "a", "data": [1]}, {"name": "scene", "data": ["ad"]}]})
    expression = "inputs[?name=='scene'].data[]"
    assert labels("jmespath", payload, expression=expression) == ["ad"]
    assert labels("jmespath", payload, expression=expression, map={"ad": 1125}) == ["1125"]
    assert labels("jmespath", payload, expression="missing") == []
    assert "no JMESPath expression" in refused("jmespath", expression="a[")


def test_a_share_is_as_large_as_stated_and_stable() -> None:
    """The same id falls into the same bucket, whenever and wherever it is asked."""
    labeler = build(
        "percent", {"buckets": [{"percent": 5, "label": "canary"}, {"percent": 20, "label": "b"}]}
    )
    ids = [f"request-{number}" for number in range(20_000)]
    counts = Counter(label for id_ in ids for label in labeler(Payload(id=id_)))
    assert 900 < counts["canary"] < 1100  # 1000 expected, deviation 31
    assert 3800 < counts["b"] < 4200
    again = build("percent", {"buckets": [{"percent": 5, "label": "canary"}, {"percent": 20, "label": "b"}]})
    assert all(list(labeler(Payload(id=id_))) == list(again(Payload(id=id_))) for id_ in ids[:500])


def test_a_point_of_the_circle_never_moves() -> None:
    """A new release must not shuffle a running experiment: these were drawn with the first one."""
    buckets = [{"percent": 10, "label": number} for number in range(10)]
    labeler = build("percent", {"buckets": buckets, "salt": "s"})
    assert [next(iter(labeler(Payload(id=id_)))) for id_ in ("a", "b", "c", "广告")] == ["2", "3", "3", "6"]


def test_a_bucket_that_grows_keeps_whom_it_had() -> None:
    """A canary that goes from 5 to 10 percent must not lose its first users."""
    five, ten = (build("percent", {"buckets": [{"percent": share, "label": 1}]}) for share in (5, 10))
    had = [id_ for id_ in map(str, range(5000)) if five(Payload(id=id_))]
    assert had
    assert all(ten(Payload(id=id_)) for id_ in had)


def test_two_salts_cut_independently() -> None:
    """Else one experiment's canaries would be the other's."""
    half = {"buckets": [{"percent": 50, "label": 1}]}
    one, two = (build("percent", {**half, "salt": salt}) for salt in ("one", "two"))
    both = sum(bool(one(Payload(id=i)) and two(Payload(id=i))) for i in map(str, range(4000)))
    assert 850 < both < 1150  # a quarter: 1000, deviation 27


def test_the_subject_may_be_a_header_or_a_field() -> None:
    """Stable by user, not by request; without a user, no label."""
    everyone = {"buckets": [{"percent": 100, "label": "in"}]}
    with_header = Payload(headers=((b"X-User", b"u"),), body=b'{"user": 0}')
    assert labels("percent", with_header, by="header:x-user", **everyone) == ["in"]
    assert labels("percent", Payload(), by="header:x-user", **everyone) == []
    assert labels("percent", with_header, by="json:user", **everyone) == ["in"]
    assert labels("percent", document({"user": {}}), by="json:user", **everyone) == []
    assert labels("percent", Payload(), **everyone) == []


@given(st.text(min_size=1), st.integers(0, 100))
def test_everyone_is_in_exactly_one_of_two_halves(id_: str, cut: int) -> None:
    """No gap and no overlap at the boundary."""
    labeler = build(
        "percent", {"buckets": [{"percent": cut, "label": "a"}, {"percent": 100 - cut, "label": "b"}]}
    )
    assert len(list(labeler(Payload(id=id_)))) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"buckets": []},
        {"buckets": [{"percent": 60, "label": 1}, {"percent": 41, "label": 2}]},
        {"buckets": [{"percent": -1, "label": 1}]},
        {"buckets": [{"percent": 1, "label": "*"}]},
        {"buckets": [{"percent": 1, "label": 1}], "by": "ip"},
        {"buckets": [{"percent": 1, "label": 1}], "by": "json:"},
        {"buckets": [{"percent": 1, "label": 1}], "salt": "s" * 65},
        {"buckets": [{"percent": float("nan"), "label": 1}]},
    ],
    ids=repr,
)
def test_buckets_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """More than everybody, less than nobody, no such subject."""
    assert refused("percent", **options)

"""The label rule: what is a label, what is nonsense, and how much is too much."""

import enum
import inspect
import itertools
from collections.abc import Iterator

import pytest

from labelers import Payload
from labelers.errors import BadYield
from labelers.labels import LABELS_MAX, canonical, collect, labels_of


class Scene(enum.StrEnum):
    AD = "ad"


class Code(enum.IntEnum):
    AD = 1125


class Loud(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "loud"


@pytest.mark.parametrize(
    ("label", "form"),
    [
        (1125, "1125"),
        ("1125", "1125"),
        (-3, "-3"),
        ("a.B_c:d/e@f+g-9", "a.B_c:d/e@f+g-9"),
        ("x" * 64, "x" * 64),
        (Scene.AD, "ad"),
        (Code.AD, "1125"),
        (Loud("ad"), "ad"),
    ],
)
def test_numbers_and_words_are_labels_in_one_form(label: object, form: str) -> None:
    """The number 1125 and the word are the same label."""
    assert canonical(label) == form
    assert type(canonical(label)) is str


@pytest.mark.parametrize(
    "label",
    [True, None, 1.0, b"a", "", "x" * 65, "a b", "a,b", "*", "é", "a\n", "²", 10**64, 1 << 20_000, ["a"]],
    ids=range(15),
)
def test_everything_else_is_nonsense(label: object) -> None:
    """Labels stand in a response header and in metrics: no blank, no line end, no absurd length."""
    with pytest.raises(BadYield):
        canonical(label)


def test_what_is_yielded_is_gathered_in_order() -> None:
    """Lists, tuples, sets and generators alike."""

    def generator(_: Payload) -> Iterator[int | str]:
        yield 7
        yield "a"

    assert collect(generator, Payload()) == ["7", "a"]
    assert collect(lambda _: (1, 1), Payload()) == ["1", "1"]
    assert collect(lambda _: {"k": 1}.keys(), Payload()) == ["k"]
    assert collect(lambda _: [], Payload()) == []


@pytest.mark.parametrize("result", [None, 7, "1125", b"7", {"7": 1}, object()], ids=range(6))
def test_a_result_that_is_no_collection_of_labels_is_nonsense(result: object) -> None:
    """The word "1125" would otherwise be four labels, and a dict its keys."""
    with pytest.raises(BadYield):
        collect(lambda _: result, Payload())  # type: ignore[arg-type,return-value]


def test_a_coroutine_is_nonsense_and_is_closed() -> None:
    """A labeler runs on the event loop: nobody would await it (and Python would warn)."""

    async def labeler() -> list[int]:
        return [1]

    with pytest.raises(BadYield, match="async"):
        collect(lambda _: labeler(), Payload())  # type: ignore[arg-type,return-value]


def test_an_endless_generator_ends_at_the_limit_and_is_closed() -> None:
    """It must not hold the event loop, and its clean-up runs while it is still watched."""
    closed_within: list[list[str]] = []

    def endless(_: Payload) -> Iterator[int]:
        try:
            yield from itertools.count()
        finally:
            closed_within.append([frame.function for frame in inspect.stack()])

    with pytest.raises(BadYield, match=f"more than {LABELS_MAX}"):
        collect(endless, Payload())
    assert "collect" in closed_within[0]


def test_so_many_labels_are_allowed_and_not_one_more() -> None:
    """They all stand in a response header."""
    assert len(collect(lambda _: range(LABELS_MAX), Payload())) == LABELS_MAX
    with pytest.raises(BadYield):
        collect(lambda _: range(LABELS_MAX + 1), Payload())


@pytest.mark.parametrize(
    ("written", "labels"),
    [(7, ("7",)), ("1, 44,1125", ("1", "44", "1125")), ([1, "a", 1], ("1", "a"))],
)
def test_options_write_labels_as_a_table_does(written: object, labels: tuple[str, ...]) -> None:
    """One, a list or a comma string; each once."""
    assert labels_of(written) == labels


@pytest.mark.parametrize("written", ["", "1,,2", None, [True], {"a": 1}], ids=repr)
def test_options_that_name_no_label_are_refused(written: object) -> None:
    """A mistake in a table is found when it is read."""
    with pytest.raises(BadYield):
        labels_of(written)

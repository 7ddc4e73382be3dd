"""From a value that a request carries to labels: as it is, or through a map that the table gives."""

from collections.abc import Mapping
from typing import Any

from labelers.labels import LABELS_MAX, labels_of

ValueMap = dict[str | int | bool, Any]
"""As options write it: value → a label, a list of labels, or a comma string."""


def words_of(value: Any) -> list[Any]:
    """A value as a list: a comma string is split, null and the empty string are none."""
    if value is None:
        return []
    if type(value) is str:
        return [word for part in value.split(",") if (word := part.strip())]
    return value if type(value) is list else [value]


def text_of(word: object) -> str:
    """As JSON writes it, so that a map may speak of `true`."""
    if type(word) is bool:
        return "true" if word else "false"
    return str(word)


def compile_map(written: Mapping[Any, Any]) -> dict[str, tuple[str, ...]]:
    """A map with its labels canonical. Raises `BadYield` where it names what is no label."""
    return {text_of(value): labels_of(labels) for value, labels in written.items()}


def mapped(labels: Mapping[str, tuple[str, ...]], words: list[Any]) -> list[str]:
    """The labels of the words that the map knows; only the first `LABELS_MAX` words are looked at."""
    return [label for word in words[:LABELS_MAX] for label in labels.get(text_of(word), ())]

"""json-field: labels from one place of the request's JSON.

The value is a number or a word, a comma string, or a list of such. `map` turns values into labels (values
that it does not know give none); `prefix` is put before each label. A place that is not there gives none.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from labelers.api import Payload
from labelers.labels import LABELS_MAX, Labeler, labels_of
from labelers.places import Place, find, parse_place

NAME = "json-field"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of json-field."""

    path: str  # `parameters.label`, `inputs[0].parameters.scene`
    map: dict[str | int, Any] | None = None  # value → labels
    prefix: str = ""


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on a bad path, map or prefix."""
    place = parse_place(options.path)
    if options.prefix:
        labels_of(options.prefix)
    if options.map is not None:
        return _mapped(
            place, {str(value): labels_of(to) for value, to in options.map.items()}, options.prefix
        )
    return _plain(place, options.prefix)


def _plain(place: Place, prefix: str) -> Labeler:
    def json_field(payload: Payload) -> Iterable[int | str]:
        value = find(payload.json, place)
        if type(value) is int and not prefix:
            return (value,)
        words = words_of(value)
        return [f"{prefix}{_text(word)}" for word in words] if prefix else words

    return json_field


def _mapped(place: Place, labels: Mapping[str, tuple[str, ...]], prefix: str) -> Labeler:
    def json_field(payload: Payload) -> Iterable[int | str]:
        words = words_of(find(payload.json, place))
        found: list[int | str] = []
        for word in words[: LABELS_MAX + 1]:
            found += labels.get(_text(word), ())
        return [f"{prefix}{label}" for label in found]

    return json_field


def words_of(value: Any) -> list[Any]:
    """A field's value as a list: a comma string is split, null and the empty string are none."""
    if value is None:
        return []
    if type(value) is str:
        return [word for part in value.split(",") if (word := part.strip())]
    return value if type(value) is list else [value]


def _text(word: object) -> str:
    """As JSON writes it, so that a map may speak of `true`."""
    if type(word) is bool:
        return "true" if word else "false"
    return str(word)

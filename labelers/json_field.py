"""json-field: labels from one place of the request's JSON.

The value is a number or a word, a comma string, or a list of such. `map` turns values into labels (values
that it does not know give none); `prefix` is put before each label. A place that is not there gives none.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from labelers.api import Payload
from labelers.labels import Labeler, canonical
from labelers.places import find, parse_place
from labelers.values import ValueMap, compile_map, mapped, text_of, words_of


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of json-field."""

    path: str  # `parameters.label`, `inputs[0].parameters.scene`
    map: ValueMap | None = None
    prefix: str = ""


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on a bad path, map or prefix."""
    place = parse_place(options.path)
    prefix = canonical(options.prefix) if options.prefix else ""
    labels = None if options.map is None else compile_map(options.map)

    def json_field(payload: Payload) -> Iterable[int | str]:
        value = find(payload.json, place)
        if type(value) is int and labels is None and not prefix:
            return (value,)  # the commonest case, at once
        words = words_of(value)
        if labels is not None:
            words = mapped(labels, words)
        return [prefix + text_of(word) for word in words] if prefix else words

    return json_field

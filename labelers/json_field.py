"""json-field: labels from one place of the request's JSON.

The value is a number or a word, a comma string, or a list of such. `map` turns values into labels (values
that it does not know give none); `prefix` is put before each label. A place that is not there gives none.
"""

from pathlib import Path

import msgspec

from labelers.json_place import JsonField
from labelers.labels import Labeler, canonical
from labelers.places import parse_place
from labelers.values import ValueMap, compile_map


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
    return JsonField(place, labels, prefix)

"""header: labels from a request header. Its value is split at commas; `map` turns values into labels.

Without `map` the values are the labels. Values that the map does not know, and a header that is not there,
give none.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from labelers.api import Payload
from labelers.labels import Labeler, head_only
from labelers.values import ValueMap, compile_map, mapped, words_of


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of header."""

    name: str  # in any case
    map: ValueMap | None = None


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on an empty name or a bad map."""
    name = options.name.strip()
    if not name:
        raise ValueError("'name' is empty")
    labels = None if options.map is None else compile_map(options.map)

    def header(payload: Payload) -> Iterable[int | str]:
        words = words_of(payload.headers.get(name))
        return words if labels is None else mapped(labels, words)

    return head_only(header)

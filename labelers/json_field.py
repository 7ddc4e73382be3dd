"""json-field: labels from one place of the request's JSON.

The value is a number or a word, a comma string, or a list of such. `map` turns values into labels (values
that it does not know give none); `prefix` is put before each label. A place that is not there gives none.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from labelers.api import Payload
from labelers.bounded import Bounded
from labelers.errors import BadYield, PayloadError
from labelers.labels import LABELS_MAX, Labeler, canonical
from labelers.places import Place, find, parse_place
from labelers.values import ValueMap, compile_map, mapped, text_of, words_of


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of json-field."""

    path: str  # `parameters.label`, `inputs[0].parameters.scene`
    map: ValueMap | None = None
    prefix: str = ""


_SURELY_A_LABEL = 10**15


class JsonField(Bounded):
    """The labeler. Where it may, it reads that one place of the JSON and skips over the rest."""

    def __init__(self, place: Place, labels: Mapping[str, tuple[str, ...]] | None, prefix: str) -> None:
        self._place = place
        self._labels = labels
        self._prefix = prefix
        self._decoder = decoder_of(place)

    def labels(self, payload: Payload) -> tuple[str, ...]:
        """See `Bounded.labels`."""
        value = self._value(payload)
        if type(value) is int and self._labels is None and not self._prefix:
            return (str(value) if 0 <= value < _SURELY_A_LABEL else canonical(value),)  # the commonest case
        words = words_of(value)
        if self._labels is not None:
            words = mapped(self._labels, words)
        if self._prefix:
            words = [self._prefix + text_of(word) for word in words]
        if len(words) > LABELS_MAX:
            raise BadYield(f"more than {LABELS_MAX} labels")
        return tuple(dict.fromkeys([canonical(word) for word in words]))

    def _value(self, payload: Payload) -> Any:
        decoder = self._decoder
        if decoder is None or payload.decoded:
            return find(payload.json, self._place)
        try:
            value = decoder.decode(payload.json_part)
            for _ in self._place:
                value = value.at
        except (msgspec.DecodeError, PayloadError, AttributeError, RecursionError):
            return find(payload.json, self._place)  # which says what is wrong, if anything is
        return value


def decoder_of(place: Place) -> "msgspec.json.Decoder[Any] | None":
    """Decodes nothing but this place (as `.at.at…`); None where a step of it is an index."""
    kind: Any = Any
    for step in reversed(place):
        if not isinstance(step, str):
            return None
        fields: list[tuple[str, Any, Any]] = [("at", kind, None)]
        kind = msgspec.defstruct("At", fields, rename={"at": step})
    return msgspec.json.Decoder(kind)


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on a bad path, map or prefix."""
    place = parse_place(options.path)
    prefix = canonical(options.prefix) if options.prefix else ""
    labels = None if options.map is None else compile_map(options.map)
    return JsonField(place, labels, prefix)

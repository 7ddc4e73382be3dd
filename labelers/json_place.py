"""The labeler behind json-field: one place of the request's JSON, as labels. Hot."""

from collections.abc import Mapping
from typing import Any

import msgspec

from labelers.api import Payload
from labelers.bounded import Bounded
from labelers.errors import BadYield, PayloadError
from labelers.labels import LABELS_MAX, canonical
from labelers.places import Place, find
from labelers.values import mapped, text_of, words_of

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

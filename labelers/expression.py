"""jmespath: labels from a JMESPath expression over the request's JSON (https://jmespath.org).

The result is taken as json-field takes a value: a scalar, a comma string or a list; null gives none.
"""

from collections.abc import Iterable
from pathlib import Path

import jmespath
import msgspec

from labelers.api import Payload
from labelers.labels import Labeler
from labelers.values import ValueMap, compile_map, mapped, words_of


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of jmespath."""

    expression: str  # inputs[?name=='scene'].data[0]
    map: ValueMap | None = None


def build(options: Options, base: Path | None) -> Labeler:  # noqa: ARG001 - reads no files
    """The labeler. Raises `ValueError` on an expression that cannot be parsed."""
    try:
        search = jmespath.compile(options.expression).search
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(f"'{options.expression}' is no JMESPath expression: {error}") from error
    labels = None if options.map is None else compile_map(options.map)

    def expression(payload: Payload) -> Iterable[int | str]:
        words = words_of(search(payload.json))
        return words if labels is None else mapped(labels, words)

    return expression

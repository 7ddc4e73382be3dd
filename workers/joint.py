"""Requests that run as one: tensors laid end to end along the first dimension, and results cut apart."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from workers.oip.tensors import Tensor
from workers.ports import Prepared, Tensors


class Joint:
    """Calls for a backend, of one request or of several. `contexts` has one for each, and so has `rows`."""

    def __init__(self, prepared: Sequence[Prepared], parameters: dict[str, Any]) -> None:
        self.parameters = parameters
        self.contexts = [each.context for each in prepared]
        self.rows = [_rows(each) for each in prepared] if len(prepared) > 1 else []
        self.calls = (
            prepared[0].calls if len(prepared) == 1 else (_laid([each.calls[0] for each in prepared]),)
        )

    def split(self, results: Sequence[Tensors]) -> list[tuple[Tensors, ...]]:
        """Each request's part of what the backend made of `calls`."""
        if not self.rows:
            return [tuple(results)]
        ends = np.cumsum(self.rows).tolist()
        return [
            (tuple(_cut(tensor, end - rows, end) for tensor in results[0]),)
            for end, rows in zip(ends, self.rows, strict=True)
        ]


Made = tuple[Prepared | Exception, dict[str, Any]]
"""A request after pre-processing, or why there was none; and its parameters."""


def joined(made: Sequence[Made], rows_max: int) -> list[tuple[list[int], Joint | Exception]]:
    """What to run, each with the places in `made` that it is for. With `rows_max` 1 nothing is joined."""
    groups: dict[Any, list[int]] = {}
    for place, (prepared, parameters) in enumerate(made):
        groups.setdefault(_likeness(prepared, parameters, rows_max) or place, []).append(place)
    found: list[tuple[list[int], Joint | Exception]] = []
    for places in groups.values():
        first, parameters = made[places[0]]
        if isinstance(first, Exception):
            found.append((places, first))
            continue
        for part in _parts(places, made, rows_max):
            each = [prepared for prepared, _ in (made[place] for place in part)]
            found.append((part, Joint([one for one in each if isinstance(one, Prepared)], parameters)))
    return found


def _parts(places: list[int], made: Sequence[Made], rows_max: int) -> list[list[int]]:
    """Places in groups of at most `rows_max` rows; one that is larger alone stays alone."""
    if len(places) == 1:
        return [places]
    parts: list[list[int]] = []
    rows = rows_max
    for place in places:
        prepared = made[place][0]
        more = _rows(prepared) if isinstance(prepared, Prepared) else 0
        rows += more
        if rows > rows_max or not parts:
            parts.append([])
            rows = more
        parts[-1].append(place)
    return parts


def _likeness(prepared: Prepared | Exception, parameters: dict[str, Any], rows_max: int) -> Any:
    """What requests of one batch have in common; None for one that must run alone."""
    if rows_max <= 1 or isinstance(prepared, Exception) or len(prepared.calls) != 1 or parameters:
        return None
    (call,) = prepared.calls
    if not call or any(not tensor.shape or tensor.shape[0] != call[0].shape[0] for tensor in call):
        return None
    return tuple((tensor.name, tensor.datatype, tensor.shape[1:]) for tensor in call)


def _rows(prepared: Prepared) -> int:
    return int(prepared.calls[0][0].shape[0])


def _laid(calls: Sequence[Tensors]) -> Tensors:
    return tuple(
        Tensor.of(same[0].name, same[0].datatype, np.concatenate([tensor.data for tensor in same]))
        for same in zip(*calls, strict=True)
    )


def _cut(tensor: Tensor, start: int, end: int) -> Tensor:
    return Tensor.of(tensor.name, tensor.datatype, tensor.data[start:end])

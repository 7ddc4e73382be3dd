"""Tensors as they are: no pre- or post-processing, for models whose callers prepare tensors themselves."""

from typing import Any, ClassVar

import msgspec

from workers.entry import Entry
from workers.oip.tensors import InferRequest
from workers.ports import Predict, Prepared, Slot, Tensors


class TensorOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """There is nothing to choose."""


class AsTheyAre:
    """Hands tensors on, both ways."""

    TAKES: ClassVar[tuple[Slot, ...]] = ()
    GIVES: ClassVar[tuple[Slot, ...]] = ()
    Options: ClassVar[type[msgspec.Struct]] = TensorOptions
    BY_ROW: ClassVar[bool] = False

    def __init__(self, entry: Entry) -> None:
        del entry

    def learn(self, predict: Predict) -> None:
        """There is nothing to learn."""

    def prepare(self, request: InferRequest) -> Prepared:
        return Prepared(calls=(request.inputs,))

    def finish(self, results: tuple[Tensors, ...], context: Any) -> Tensors:
        del context
        return results[0]


KIND = AsTheyAre

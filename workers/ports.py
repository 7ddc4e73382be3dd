"""What a kind and a backend are. A model is one of each, joined in `model.py`.

A kind is the Transformer: it turns what callers send into tensors and tensors into what callers want. A
backend is the Predictor: tensors in, tensors out. Together they take five steps: initialise, prepare,
infer, finish, release.
"""

from collections.abc import Callable
from typing import Any, ClassVar, Protocol

import msgspec

from workers.device import Ground
from workers.entry import Entry
from workers.oip.tensors import InferRequest, Tensor

Tensors = tuple[Tensor, ...]
Predict = Callable[[Tensors, dict[str, Any]], Tensors]

PROBLEMS = "problems"
"""An output of a backend beside the model's own: what is wrong with each row, in words; empty if nothing."""

Slot = tuple[str, str, int]
"""What an input or output is for, its datatype and its rank. The name is the model's own choice."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What pre-processing made: calls for the backend, and what post-processing must remember."""

    calls: tuple[Tensors, ...]
    context: Any = None


class Kind(Protocol):
    """Pre- and post-processing of one class of models; built from the entry, without code of the model."""

    TAKES: ClassVar[tuple[Slot, ...]]  # empty = open
    GIVES: ClassVar[tuple[Slot, ...]]
    Options: ClassVar[type[msgspec.Struct]]
    BY_ROW: ClassVar[bool]  # each row of outputs follows from that row alone, and there is no context

    def __init__(self, entry: Entry) -> None: ...

    def learn(self, predict: Predict) -> None:
        """Once, after the backend is there: what must be computed with the model itself."""

    def prepare(self, request: InferRequest) -> Prepared:
        """Raises BadInput for content that cannot be used."""
        ...

    def finish(self, results: tuple[Tensors, ...], context: Any) -> Tensors:
        """The model's outputs, in the order of the entry."""
        ...


class Backend(Protocol):
    """A runtime holding one model. `infer` may be called from several threads at once.

    One that shares pictures with other models of its process may say so in `looked`: how many it decoded of
    those that were named (`token.py`), and how many it found decoded.
    """

    def __init__(self, entry: Entry) -> None: ...

    def initialise(self, ground: Ground) -> str:
        """Load; says in words where it runs. Raises Unusable if it cannot."""
        ...

    def infer(self, inputs: Tensors, parameters: dict[str, Any]) -> Tensors:
        """Tensors in, tensors out."""
        ...

    def release(self) -> None:
        """Give memory and devices back."""

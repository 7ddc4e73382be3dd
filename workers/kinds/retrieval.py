"""Retrieval: texts in; the nearest of a list of known ones, their similarity, and whether that is a match."""

from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from workers.entry import Entry
from workers.errors import Unusable
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.ports import Predict, Prepared, Slot, Tensors
from workers.texts import CHARACTERS_MAX, TEXTS_MAX, decode_texts


class RetrievalOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one list wants. The list is the entry's file `known`."""

    nearest: int = 3  # how many are told, at most
    threshold: float = 0.6  # cosine from which on the nearest is a match
    characters_max: int = CHARACTERS_MAX
    items_max: int = TEXTS_MAX


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One known text."""

    id: str
    text: str
    why: str = ""  # for people


class Retrieval:
    """Compares embeddings. The backend turns texts into vectors of length 1; so a product is a cosine."""

    TAKES: ClassVar[tuple[Slot, ...]] = (("texts", "BYTES", 1),)
    GIVES: ClassVar[tuple[Slot, ...]] = (
        ("ids of the nearest, for each", "BYTES", 2),
        ("cosines of the nearest, for each", "FP32", 2),
        ("whether the nearest is a match, for each", "BOOL", 1),
    )
    Options: ClassVar[type[msgspec.Struct]] = RetrievalOptions
    BY_ROW: ClassVar[bool] = False

    def __init__(self, entry: Entry) -> None:
        self._options: RetrievalOptions = entry.options
        self._entry = entry
        self._file = entry.files.get("known")
        self._ids: Any = None
        self._vectors: Any = None

    def learn(self, predict: Predict) -> None:
        """Embed the known texts once."""
        if self._file is None:
            raise Unusable("files must name 'known', a list of known texts")
        known = read_known(self._file)
        texts = bytes_array([entry.text.encode() for entry in known])
        self._vectors = predict((Tensor.of("texts", "BYTES", texts),), {})[0].data
        self._ids = bytes_array([entry.id.encode() for entry in known])

    def prepare(self, request: InferRequest) -> Prepared:
        options = self._options
        texts = decode_texts(request.inputs[0].data.tolist(), options.characters_max, options.items_max)
        tensor = Tensor.of("texts", "BYTES", bytes_array([text.encode() for text in texts]))
        return Prepared(calls=((tensor,),))

    def finish(self, results: tuple[Tensors, ...], context: Any) -> Tensors:
        del context
        places, cosines = nearest(results[0][0].data, self._vectors, self._options.nearest)
        return self._entry.give(
            self._ids[places],
            cosines,
            cosines[:, 0] >= self._options.threshold,
        )


def read_known(path: Path) -> list[Known]:
    """The list in a file. Raises Unusable if it is empty, malformed, or an id stands there twice."""
    try:
        known = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), list[Known])
    except (yaml.YAMLError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: {error}") from error
    ids = [entry.id for entry in known]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if not known or twice:
        raise Unusable(f"{path}: " + (f"ids that stand twice: {', '.join(twice)}" if twice else "is empty"))
    return known


def nearest(
    queries: NDArray[np.float32], known: NDArray[np.float32], count: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Places and cosines of the `count` nearest, best first; of equals the one listed first."""
    cosines = queries @ known.T
    places = np.argsort(-cosines, axis=1, kind="stable")[:, :count]
    return places, np.take_along_axis(cosines, places, axis=1)


KIND = Retrieval

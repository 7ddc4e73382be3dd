"""Recognition: pictures in; the text that stands on them out, line by line with places and scores."""

from typing import Any, ClassVar

import msgspec
import numpy as np

from workers.entry import Entry
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.pictures import PIXELS_MAX, decode_pictures
from workers.ports import Predict, Prepared, Slot, Tensors


class RecognitionOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one recogniser wants."""

    score_min: float = 0.5  # of a line
    pixels_max: int = PIXELS_MAX
    pictures_max: int = 4


class Recognition:
    """Pre- and post-processing of text recognition. The backend sees one picture a call."""

    TAKES: ClassVar[tuple[Slot, ...]] = (("encoded pictures", "BYTES", 1),)
    GIVES: ClassVar[tuple[Slot, ...]] = (
        ("text per picture, lines joined", "BYTES", 1),
        ("lines", "BYTES", 1),
        ("corners of lines", "FP32", 3),
        ("scores of lines", "FP32", 1),
        ("lines per picture", "INT32", 1),
    )
    Options: ClassVar[type[msgspec.Struct]] = RecognitionOptions
    BY_ROW: ClassVar[bool] = False

    def __init__(self, entry: Entry) -> None:
        self._options: RecognitionOptions = entry.options
        self._entry = entry

    def learn(self, predict: Predict) -> None:
        """There is nothing to learn."""

    def prepare(self, request: InferRequest) -> Prepared:
        options = self._options
        raws = request.inputs[0].data.tolist()
        pictures = decode_pictures(raws, options.pixels_max, options.pictures_max)
        return Prepared(calls=tuple((Tensor.of("picture", "UINT8", picture),) for picture in pictures))

    def finish(self, results: tuple[Tensors, ...], context: Any) -> Tensors:
        del context
        kept = [keep_sure(result, self._options.score_min) for result in results]
        lines = [line for lines, _, _ in kept for line in lines]
        return self._entry.give(
            bytes_array([b"\n".join(lines) for lines, _, _ in kept]),
            bytes_array(lines),
            np.concatenate([corners for _, corners, _ in kept]),
            np.concatenate([scores for _, _, scores in kept]),
            np.array([len(lines) for lines, _, _ in kept], np.int32),
        )


def keep_sure(result: Tensors, score_min: float) -> tuple[list[bytes], Any, Any]:
    """Lines, corners and scores of one picture, without lines of a lower score."""
    lines, corners, scores = (tensor.data for tensor in result)
    sure = np.flatnonzero(scores >= score_min)
    return lines[sure].tolist(), corners[sure], scores[sure]


KIND = Recognition

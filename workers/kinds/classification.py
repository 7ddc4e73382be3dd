"""Classification: texts or pictures in; the label, all scores and one risk for each out."""

from typing import Any, ClassVar, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.entry import Entry
from workers.errors import BadInput, ModelFailed
from workers.jpeg import engine_shows
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.pictures import PIXELS_MAX, decode_picture, decode_pictures, squared
from workers.pixels import Pixels, pack
from workers.ports import Predict, Prepared, Slot, Tensors
from workers.texts import CHARACTERS_MAX, TEXTS_MAX, decode_texts
from workers.token import bare


class ClassificationOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one classifier wants."""

    classes: list[str]  # in the order of the model's scores
    risky: list[str]  # their scores add up to the risk
    threshold: float = 0.5  # from this risk on, the label is the likeliest risky class
    reads: Literal["text", "picture"] = "text"
    characters_max: int = CHARACTERS_MAX
    items_max: int = TEXTS_MAX
    side: int = 224  # of the square that pictures become
    crop: bool = False  # the middle square of a picture, not the whole one stretched
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)  # red, green, blue
    deviation: tuple[float, float, float] = (0.229, 0.224, 0.225)
    pixels_max: int = PIXELS_MAX

    def __post_init__(self) -> None:
        strange = [name for name in self.risky if name not in self.classes]
        if strange:
            raise ValueError(f"risky names {', '.join(strange)}, which classes lacks")


class Classification:
    """Pre- and post-processing of classifiers. The model's scores are probabilities."""

    TAKES: ClassVar[tuple[Slot, ...]] = (("texts or encoded pictures", "BYTES", 1),)
    GIVES: ClassVar[tuple[Slot, ...]] = (
        ("label of each", "BYTES", 1),
        ("scores of each", "FP32", 2),
        ("risk of each", "FP32", 1),
    )
    Options: ClassVar[type[msgspec.Struct]] = ClassificationOptions
    BY_ROW: ClassVar[bool] = True

    def __init__(self, entry: Entry) -> None:
        self._options: ClassificationOptions = entry.options
        self._entry = entry
        self._labels = bytes_array([name.encode() for name in self._options.classes])
        self._risky = risky_of(self._options)

    def learn(self, predict: Predict) -> None:
        """There is nothing to learn."""

    def prepare(self, request: InferRequest) -> Prepared:
        raws = request.inputs[0].data.tolist()
        if self._options.reads == "picture" and self._entry.takes_pixels:
            tensor = self._unfinished(raws)
        elif self._options.reads == "picture":
            tensor = Tensor.of("pictures", "FP32", normalised(raws, self._options))
        else:
            texts = decode_texts(raws, self._options.characters_max, self._options.items_max)
            tensor = Tensor.of("texts", "BYTES", bytes_array([text.encode() for text in texts]))
        return Prepared(calls=((tensor,),))

    def at_once(self, request: InferRequest) -> Prepared | None:
        """What `prepare` gives, where that costs next to nothing: a front does it then. Else None."""
        if self._options.reads != "picture" or not self._entry.takes_pixels or self._entry.decode != "gpu":
            return None
        raws = request.inputs[0].data.tolist()
        if not 0 < len(raws) <= self._options.items_max:
            return None
        if not all(engine_takes(raw, self._options) for raw in raws):
            return None
        return Prepared(calls=((Tensor.of("pictures", "BYTES", bytes_array(raws)),),))

    def _unfinished(self, raws: list[bytes]) -> Tensor:
        """For a backend that normalises by itself, and if it decodes too, that gets JPEGs as they came."""
        if self._entry.decode == "gpu":
            return Tensor.of("pictures", "BYTES", bytes_array(encoded(raws, self._options)))
        squares = [pixels[:, :, ::-1] for pixels in _squares(raws, self._options)]
        return Tensor.of("pictures", "UINT8", np.stack(squares))

    def finish(self, results: tuple[Tensors, ...], context: Any) -> Tensors:
        del context
        scores = results[0][0].data
        if scores.ndim != 2 or scores.shape[1] != len(self._options.classes):
            wanted = len(self._options.classes)
            raise ModelFailed(
                f"the model gives scores of shape {list(scores.shape)}, not of {wanted} classes"
            )
        best, risks = judge(scores, self._risky, self._options.threshold)
        return self._entry.give(self._labels[best], scores, risks)


def normalised(raws: list[bytes], options: ClassificationOptions) -> NDArray[np.float32]:
    """Pictures as batch × colour × height × width, red first, around 0."""
    bright = np.stack(_squares(raws, options))[:, :, :, ::-1].astype(np.float32) / np.float32(255)
    spread: NDArray[Any] = (bright - np.array(options.mean)) / np.array(options.deviation)
    return np.ascontiguousarray(spread.transpose(0, 3, 1, 2), np.float32)


def encoded(raws: list[bytes], options: ClassificationOptions) -> list[bytes]:
    """What a GPU's engine is to decode, as it is; all else as the pixels of its square. Raises BadInput.

    What an engine would show in another way goes the safe way: turned by Exif, progressive, in odd colours,
    cut off, huge.
    """
    if not 0 < len(raws) <= options.items_max:
        raise BadInput(f"a request holds 1 to {options.items_max} pictures, not {len(raws)}")
    found = []
    for number, raw in enumerate(raws):
        if engine_takes(raw, options):
            found.append(raw)
            continue
        try:
            pixels = decode_picture(bytes(raw), options.pixels_max)
        except BadInput as error:
            raise BadInput(f"picture {number}: {error}") from error
        found.append(pack(squared(pixels, options.side, crop=options.crop)))
    return found


def engine_takes(raw: bytes, options: ClassificationOptions) -> bool:
    """Whether a GPU's engine is to decode a picture as it is; told from its head."""
    return not options.crop and engine_shows(bare(raw))


def _squares(raws: list[bytes], options: ClassificationOptions) -> list[Pixels]:
    pictures = decode_pictures(raws, options.pixels_max, options.items_max)
    return [squared(picture, options.side, crop=options.crop) for picture in pictures]


def risky_of(options: ClassificationOptions) -> NDArray[np.bool_]:
    """Which of the classes are risky."""
    return np.array([name in options.risky for name in options.classes], np.bool_)


def judge(
    scores: NDArray[np.float32], risky: NDArray[np.bool_], threshold: float
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The class and the risk of each row of scores. `risky` says of each class whether it counts."""
    # In this layout a row's sum has the same bits alone and in company.
    risks = np.ascontiguousarray(scores[:, risky]).sum(axis=1)
    best = scores.argmax(axis=1)
    # Only one side of the threshold is in the running, so that label and risk never contradict each other.
    wrong = np.flatnonzero(risky[best] != (risks >= threshold))
    if wrong.size:
        sides = np.where((risks[wrong] >= threshold)[:, None], risky, ~risky)
        sides |= ~sides.any(axis=1, keepdims=True)
        best[wrong] = np.where(sides, scores[wrong], -np.inf).argmax(axis=1)
    return best, risks.astype(np.float32)


KIND = Classification

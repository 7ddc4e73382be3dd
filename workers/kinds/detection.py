"""Detection: pictures in; boxes, their classes and scores, and one risk per picture out.

For models whose head is that of YOLOv8: per anchor the box's centre and size, then a score per class.
"""

from typing import Any, ClassVar

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from workers.entry import Entry
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
from workers.pictures import PIXELS_MAX, decode_pictures, fitted
from workers.pixels import Pixels
from workers.ports import Predict, Prepared, Slot, Tensors


class DetectionOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one detector wants."""

    classes: list[str]  # in the order of the model's head
    risky: dict[str, float]  # class → how much a sure detection of it counts, 0 to 1
    side: int = 320  # of the square that the model takes
    blue_first: bool = False  # order of the colours that the model takes
    score_min: float = 0.25
    overlap_max: float = 0.45  # two boxes that share more than this are one
    pixels_max: int = PIXELS_MAX
    pictures_max: int = 16

    def __post_init__(self) -> None:
        strange = [name for name in self.risky if name not in self.classes]
        if strange:
            raise ValueError(f"risky names {', '.join(strange)}, which classes lacks")


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """What must be known of a picture to put boxes back on it."""

    width: int
    height: int
    scale: float  # its pixels per pixel of the model's square


class Found(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Detections on one picture, best first."""

    boxes: NDArray[np.float32]  # n × 4: left, top, right, bottom in the picture's pixels
    classes: NDArray[np.intp]
    scores: NDArray[np.float32]


class Detection:
    """Pre- and post-processing of detectors."""

    TAKES: ClassVar[tuple[Slot, ...]] = (("encoded pictures", "BYTES", 1),)
    GIVES: ClassVar[tuple[Slot, ...]] = (
        ("boxes", "FP32", 2),
        ("classes", "BYTES", 1),
        ("scores", "FP32", 1),
        ("boxes per picture", "INT32", 1),
        ("risk per picture", "FP32", 1),
    )
    Options: ClassVar[type[msgspec.Struct]] = DetectionOptions
    BY_ROW: ClassVar[bool] = False

    def __init__(self, entry: Entry) -> None:
        self._options: DetectionOptions = entry.options
        self._entry = entry

    def learn(self, predict: Predict) -> None:
        """There is nothing to learn."""

    def prepare(self, request: InferRequest) -> Prepared:
        options = self._options
        raws = request.inputs[0].data.tolist()
        pictures = decode_pictures(raws, options.pixels_max, options.pictures_max)
        squares = [fitted(picture, options.side) for picture in pictures]
        batch = to_batch([square for square, _ in squares], options.blue_first)
        frames = tuple(
            Frame(width=picture.shape[1], height=picture.shape[0], scale=scale)
            for picture, (_, scale) in zip(pictures, squares, strict=True)
        )
        return Prepared(calls=((Tensor.of("pictures", "FP32", batch),),), context=frames)

    def finish(self, results: tuple[Tensors, ...], context: Any) -> Tensors:
        heads = results[0][0].data
        found = [find(head, frame, self._options) for head, frame in zip(heads, context, strict=True)]
        classes = np.array(self._options.classes)
        weights = np.array([self._options.risky.get(name, 0.0) for name in self._options.classes], np.float32)
        risks = [float((f.scores * weights[f.classes]).max(initial=0.0)) for f in found]
        names = [str(name).encode() for f in found for name in classes[f.classes]]
        return self._entry.give(
            np.concatenate([f.boxes for f in found]),
            bytes_array(names),
            np.concatenate([f.scores for f in found]),
            np.array([len(f.scores) for f in found], np.int32),
            np.array(risks, np.float32),
        )


def to_batch(squares: list[Pixels], blue_first: bool) -> NDArray[np.float32]:
    """Batch × colour × height × width, 0 to 1."""
    batch = np.stack(squares)
    if not blue_first:
        batch = batch[:, :, :, ::-1]
    return np.ascontiguousarray(batch.transpose(0, 3, 1, 2), np.float32) / np.float32(255)


def find(head: NDArray[np.float32], frame: Frame, options: DetectionOptions) -> Found:
    """The detections in one picture's head (4 + classes, anchors)."""
    anchors = head.T
    scores = anchors[:, 4:].max(axis=1)
    sure = np.flatnonzero(scores >= options.score_min)
    anchors, scores = anchors[sure], scores[sure]
    classes = anchors[:, 4:].argmax(axis=1) if len(sure) else np.empty(0, np.intp)
    corners = np.empty((len(sure), 4), np.float32)
    corners[:, :2] = anchors[:, :2] - anchors[:, 2:4] / 2
    sizes = anchors[:, 2:4] * frame.scale
    limits = np.array([frame.width, frame.height], np.float32)
    corners[:, :2] = np.clip(corners[:, :2] * frame.scale, 0, limits)
    corners[:, 2:] = np.minimum(corners[:, :2] + sizes, limits)
    rectangles = np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])
    kept = cv2.dnn.NMSBoxes(rectangles.tolist(), scores.tolist(), options.score_min, options.overlap_max)
    order = np.array(kept, np.intp).reshape(-1)
    return Found(boxes=corners[order], classes=classes[order], scores=scores[order])


KIND = Detection

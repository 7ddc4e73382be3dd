"""Recognition's post-processing."""

import numpy as np

from workers.entry import Entry
from workers.kinds.recognition import Recognition, RecognitionOptions
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import Tensor, TensorSpec
from workers.ports import Tensors

NAMES = ("TEXT", "LINES", "CORNERS", "SCORES", "COUNTS")
DATATYPES = ("BYTES", "BYTES", "FP32", "FP32", "INT32")


def read(*lines: tuple[bytes, float]) -> Tensors:
    corners = np.arange(8 * len(lines), dtype=np.float32).reshape(-1, 4, 2)
    return (
        Tensor.of("lines", "BYTES", bytes_array([line for line, _ in lines])),
        Tensor.of("corners", "FP32", corners),
        Tensor.of("scores", "FP32", np.array([score for _, score in lines], np.float32)),
    )


def test_lines_of_several_pictures_stay_apart() -> None:
    """COUNTS says which line is whose; unsure lines are left out, with their corners."""
    outputs = tuple(
        TensorSpec(name=n, datatype=d, shape=(-1,)) for n, d in zip(NAMES, DATATYPES, strict=True)
    )
    entry = Entry(
        name="r",
        version="1",
        kind="recognition",
        backend="python",
        folder=None,  # type: ignore[arg-type]
        outputs=outputs,
        options=RecognitionOptions(score_min=0.5),
    )
    results = (read((b"FREE", 0.9), (b"smudge", 0.4), (b"MONEY", 0.5)), read(), read((b"NOW", 1.0)))
    text, lines, corners, scores, counts = (t.data for t in Recognition(entry).finish(results, None))
    assert text.tolist() == [b"FREE\nMONEY", b"", b"NOW"]
    assert lines.tolist() == [b"FREE", b"MONEY", b"NOW"]
    assert counts.tolist() == [2, 0, 1]
    assert corners[1].ravel().tolist() == list(range(16, 24))
    assert scores.shape == (3,)

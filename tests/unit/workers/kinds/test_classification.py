"""Classification's judgement: label and risk must tell one story."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.entry import Entry
from workers.errors import BadInput
from workers.kinds.classification import Classification, ClassificationOptions
from workers.oip.tensors import Tensor, TensorSpec
from workers.texts import decode_texts

OPTIONS = ClassificationOptions(classes=["fine", "rude", "lewd"], risky=["rude", "lewd"], threshold=0.5)


def judged(rows: list[list[float]], options: ClassificationOptions) -> tuple[list[bytes], list[float]]:
    """Labels and risks of rows of scores, as callers get them."""
    entry = Entry(
        name="n",
        version="1",
        kind="classification",
        backend="onnx",
        folder=Path(),
        options=options,
        outputs=tuple(
            TensorSpec(name=name, datatype=datatype, shape=(-1,))
            for name, datatype in (("LABEL", "BYTES"), ("SCORES", "FP32"), ("RISK", "FP32"))
        ),
    )
    scores = Tensor.of("s", "FP32", np.array(rows, np.float32))
    labels, _, risks = Classification(entry).finish(((scores,),), None)
    return labels.data.tolist(), risks.data.tolist()


@pytest.mark.parametrize(
    ("scores", "label", "risk"),
    [
        ((0.6, 0.3, 0.1), b"fine", 0.4),
        ((0.4, 0.25, 0.35), b"lewd", 0.6),  # no single class is above 'fine', together they are
        ((0.5, 0.5, 0.0), b"rude", 0.5),  # the threshold itself
    ],
)
def test_the_label_follows_the_risk(scores: tuple[float, ...], label: bytes, risk: float) -> None:
    """A risk above the threshold with the label 'fine' would be read as allowed."""
    labels, risks = judged([list(scores)], OPTIONS)
    assert labels == [label]
    assert risks == [pytest.approx(risk)]


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_label_is_risky_exactly_from_the_threshold_on(rows: list[list[float]]) -> None:
    """Whatever the scores are."""
    labels, risks = judged(rows, OPTIONS)
    assert [label != b"fine" for label in labels] == [risk >= 0.5 for risk in risks]


def test_a_classifier_without_risky_classes_labels_by_score() -> None:
    """Sorting by topic knows no risk."""
    options = ClassificationOptions(classes=["a", "b"], risky=[], threshold=0.0)
    assert judged([[0.1, 0.9]], options)[0] == [b"b"]


@pytest.mark.parametrize("raws", [[], [b"x"] * 3, [b"x", b"\xff"], ["日本語".encode(), b"x" * 4]])
def test_texts_that_cannot_be_used_are_refused(raws: list[bytes]) -> None:
    """None, too many, not UTF-8, too long; three characters are three, however many bytes."""
    with pytest.raises(BadInput, match="text"):
        decode_texts(raws, 3, 2)
    assert decode_texts(["日本語".encode()], 3, 2) == ["日本語"]

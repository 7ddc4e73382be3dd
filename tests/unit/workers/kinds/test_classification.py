"""Classification's judgement: label and risk must tell one story."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from workers.errors import BadInput
from workers.kinds.classification import ClassificationOptions, judge, risky_of
from workers.texts import decode_texts

OPTIONS = ClassificationOptions(classes=["fine", "rude", "lewd"], risky=["rude", "lewd"], threshold=0.5)


def judged(rows: Any, options: ClassificationOptions = OPTIONS) -> tuple[list[bytes], np.ndarray]:
    best, risks = judge(np.array(rows, np.float32), risky_of(options), options.threshold)
    return [options.classes[index].encode() for index in best], risks


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
    labels, risks = judged([scores])
    assert labels == [label]
    assert risks.tolist() == [pytest.approx(risk)]


@given(st.lists(st.lists(st.floats(0, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_label_is_risky_exactly_from_the_threshold_on(rows: list[list[float]]) -> None:
    """Whatever the scores are."""
    labels, risks = judged(rows)
    assert [label != b"fine" for label in labels] == [risk >= 0.5 for risk in risks]


def test_a_classifier_without_risky_classes_labels_by_score() -> None:
    """Sorting by topic knows no risk."""
    options = ClassificationOptions(classes=["a", "b"], risky=[], threshold=0.0)
    assert judged([(0.1, 0.9)], options)[0] == [b"b"]


@given(hnp.arrays(np.float32, (7, 60), elements=st.floats(0, 1, width=32)))
def test_a_row_is_judged_the_same_alone_and_in_company(scores: np.ndarray) -> None:
    """To the last bit: a verdict must not depend on who else asked."""
    risky = np.arange(60) % 3 > 0
    best, risks = judge(scores, risky, 0.5)
    alone = [judge(row[None].copy(), risky, 0.5) for row in scores]
    assert best.tolist() == [int(one[0]) for one, _ in alone]
    assert risks.tobytes() == b"".join(risk.tobytes() for _, risk in alone)


@pytest.mark.parametrize("raws", [[], [b"x"] * 3, [b"x", b"\xff"], ["日本語".encode(), b"x" * 4]])
def test_texts_that_cannot_be_used_are_refused(raws: list[bytes]) -> None:
    """None, too many, not UTF-8, too long; three characters are three, however many bytes."""
    with pytest.raises(BadInput, match="text"):
        decode_texts(raws, 3, 2)
    assert decode_texts(["日本語".encode()], 3, 2) == ["日本語"]

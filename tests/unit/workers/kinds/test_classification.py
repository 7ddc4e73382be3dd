"""Classification's judgement: label and risk must tell one story."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from workers.entry import Decode, Entry
from workers.errors import BadInput
from workers.kinds.classification import Classification, ClassificationOptions, judge, risky_of
from workers.oip.rawdata import bytes_array
from workers.oip.tensors import InferRequest, Tensor
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


def picture(format_: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), "white").save(buffer, format_)
    return buffer.getvalue()


def asked(*raws: bytes) -> InferRequest:
    return InferRequest(inputs=(Tensor.of("IMAGE", "BYTES", bytes_array(list(raws))),))


def kind_of(decode: Decode) -> Classification:
    options = ClassificationOptions(classes=["a"], risky=[], reads="picture", items_max=2)
    entry = Entry(
        name="m",
        version="1",
        kind="classification",
        backend="pytorch",
        folder=Path(),
        options=options,
        decode=decode,
        backend_options={"normalise": True},
    )
    assert entry.takes_pixels
    return Classification(entry)


def test_what_a_gpu_decodes_is_ready_at_once_and_is_what_preparing_gives() -> None:
    """A front looks at the head and sends the bytes on; what needs a processor it leaves to others."""
    kind, raw = kind_of("gpu"), picture("JPEG")
    made = kind.at_once(asked(raw, raw))
    assert made is not None
    assert made.calls[0][0].data.tolist() == [raw, raw]
    assert kind.prepare(asked(raw, raw)).calls[0][0].data.tolist() == [raw, raw]
    for others in ((picture("PNG"),), (raw, picture("PNG")), (raw, b"no picture"), (), (raw, raw, raw)):
        assert kind.at_once(asked(*others)) is None
    assert kind_of("cpu").at_once(asked(raw)) is None

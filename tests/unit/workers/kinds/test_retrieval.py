"""Retrieval's arithmetic and its list."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.command import BUNDLED
from workers.errors import Unusable
from workers.kinds.retrieval import nearest, read_known


def test_the_nearest_come_best_first_and_of_equals_the_one_listed_first() -> None:
    """A stable order makes answers comparable between machines."""
    known = np.array([[0, 1], [1, 0], [0, 1]], np.float32)
    places, cosines = nearest(np.array([[0, 1], [1, 0]], np.float32), known, 2)
    assert places.tolist() == [[0, 2], [1, 0]]
    assert cosines.tolist() == [[1, 1], [1, 0]]
    many, _ = nearest(np.array([[0, 1]], np.float32), np.tile(known[:2], (40, 1)), 80)
    assert many.tolist() == [[*range(0, 80, 2), *range(1, 80, 2)]]


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 999))
def test_no_known_text_is_nearer_than_the_first(known_count: int, count: int, seed: int) -> None:
    """And there are never more than are known."""
    rng = np.random.default_rng(seed)
    queries, known = (rng.normal(size=(n, 4)).astype(np.float32) for n in (3, known_count))
    places, cosines = nearest(queries, known, count)
    assert places.shape == cosines.shape == (3, min(count, known_count))
    assert np.array_equal(cosines[:, 0], (queries @ known.T).max(axis=1))
    assert (np.diff(cosines, axis=1) <= 0).all()


def test_the_bundled_list_holds_english_and_chinese_ads() -> None:
    """Ids are what a verdict names; both languages are the business."""
    known = read_known(BUNDLED / "bad-ad-retrieval" / "known_bad_ads.yaml")
    chinese = [entry for entry in known if not entry.text.isascii()]
    assert len(chinese) >= 8
    assert len(known) - len(chinese) >= 8
    assert all(entry.why for entry in known)


@pytest.mark.parametrize("text", ["[]", "[{id: a, text: x}, {id: a, text: y}]", "[{id: a}]", "{", "{id: a}"])
def test_a_list_that_cannot_be_used_is_refused(tmp_path: Path, text: str) -> None:
    """Empty, an id twice, no text, no YAML, no list."""
    path = tmp_path / "known.yaml"
    path.write_text(text)
    with pytest.raises(Unusable):
        read_known(path)

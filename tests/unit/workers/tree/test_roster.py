"""Which models have stages that prepare for them."""

from pathlib import Path
from typing import Any

import pytest

from workers.entry import Entry
from workers.kinds.classification import ClassificationOptions
from workers.tree.roster import prepares


def entry(reads: Any, **more: Any) -> Entry:
    options = ClassificationOptions(classes=["a", "b"], risky=["b"], reads=reads)
    return Entry(
        name="m",
        version="1",
        kind="classification",
        backend="python",
        folder=Path(),
        options=options,
        **more,
    )


@pytest.mark.parametrize("decode", ["cpu", "gpu"])
def test_stages_prepare_pictures_wherever_most_are_decoded(decode: Any) -> None:
    """What a GPU's engine does not take, a PNG or a turned picture, must not hold up the predictor."""
    assert prepares(entry("picture", decode=decode))


def test_stages_prepare_nothing_that_costs_less_than_the_way_to_them() -> None:
    """Texts, and what runs in the front itself."""
    assert not prepares(entry("text"))
    assert not prepares(entry("picture", placement="front"))

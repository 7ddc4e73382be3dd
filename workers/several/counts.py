"""What one set has done, and what it spared by sharing: counted in the ledger, so over all fronts."""

import time
from collections.abc import Sequence
from typing import Final

from workers.several.sharing import Shares
from workers.statistics import ModelStatistics
from workers.tree.ledger import (
    DECODES,
    DECODES_SAVED,
    FAIL,
    FETCHES,
    FETCHES_SAVED,
    INFERENCES,
    LAST_MS,
    MODELS_MAX,
    PICTURES,
    SUCCESS,
    Ledger,
)

SHARED: Final = {
    "pictures": PICTURES,
    "fetches": FETCHES,
    "fetches_saved": FETCHES_SAVED,
    "decodes": DECODES,
    "decodes_saved": DECODES_SAVED,
}


class Counts:
    """Of the set of this number, since the server started."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self._ledger = ledger
        self._row = MODELS_MAX + number

    def share(self, pictures: int, models: int, given: Shares, *, fetched: bool) -> None:
        """A request's pictures went to `models` models, shared out so."""
        self._add(PICTURES, pictures)
        self._add(DECODES, given.decodes)
        self._add(DECODES_SAVED, given.saved)
        if fetched:
            self._add(FETCHES, pictures)
            self._add(FETCHES_SAVED, pictures * (models - 1))

    def succeeded(self, ns: int) -> None:
        """All models answered."""
        self._add(INFERENCES, 1)
        self._add(SUCCESS, 1)
        self._add(SUCCESS + 1, ns)
        self._ledger.set(self._row, LAST_MS, int(time.time() * 1000))

    def failed(self, ns: int) -> None:
        """One did not, or the caller left."""
        self._add(FAIL, 1)
        self._add(FAIL + 1, ns)

    def statistics(self, beside: Sequence[dict[str, int]]) -> ModelStatistics:
        """As the protocol has them, and `shared`, with what the set's models count of pictures they share.

        A model counts those of all sets that it is in.
        """
        shared = {name: self._ledger.sum(self._row, field) for name, field in SHARED.items()}
        for counted in beside:
            for name, count in counted.items():
                shared[name] += count
        done = self._ledger.duration(self._row, SUCCESS)
        return ModelStatistics(
            inference_count=self._ledger.sum(self._row, INFERENCES),
            execution_count=done.count,
            last_inference_ms=self._ledger.last_ms(self._row),
            success=done,
            fail=self._ledger.duration(self._row, FAIL),
            compute_infer=done,
            shared=shared,
        )

    def _add(self, field: int, amount: int) -> None:
        self._ledger.add(self._row, field, amount)

"""What all processes of a tree count, in shared memory: a column for each process, which it alone writes.

Nothing is locked, so nobody can die holding a lock; a sum over columns may be a request older than another.
A front that is started again goes on counting in its column, but what was pending in it is nobody's.
"""

import mmap
import os
from typing import Final

from workers.statistics import Duration, ModelStatistics

MODELS_MAX = 128
SETS_MAX = 32  # rows behind those of the models
_ROWS: Final = MODELS_MAX + SETS_MAX
BATCH_MAX = 1024  # larger ones are counted under it

PENDING: Final = 0
INFERENCES: Final = 1
LAST_MS: Final = 2  # of the last inference, since 1970
SUCCESS: Final = 4  # from here on a count and nanoseconds each
FAIL: Final = 6
QUEUE: Final = 8
INPUT: Final = 10
INFER: Final = 12
OUTPUT: Final = 14
_SPANS: Final = (SUCCESS, QUEUE, INPUT, INFER, OUTPUT)
EXECUTIONS: Final = 16  # of the predictor
SUCCEEDED_NS: Final = 17  # when an inference succeeded last, on the monotonic clock
FAILED: Final = 18  # inferences in a row
PICTURES: Final = 19  # of a set, from here on; the decodes of a model too, if it shares them on a device
FETCHES: Final = 20
FETCHES_SAVED: Final = 21
DECODES: Final = 22
DECODES_SAVED: Final = 23
_FIELDS: Final = 24
_BATCH_FIELDS: Final = 4  # count; nanoseconds of input, infer, output


class Ledger:
    """All columns. `column` is the one that this process writes; the predictor's is the last."""

    def __init__(self, file: int, *, columns: int, column: int = 0) -> None:
        self._words = memoryview(mmap.mmap(file, ledger_bytes(columns))).cast("q")
        self._columns = columns
        self._column = column
        self._own = column * _ROWS * _FIELDS  # where its fields begin
        self._batches = columns * _ROWS * _FIELDS

    def at(self, row: int, column: int | None = None) -> int:
        """Where the fields of a model's row begin, in a column or in this process's own."""
        return ((self._column if column is None else column) * _ROWS + row) * _FIELDS

    def add(self, row: int, field: int, amount: int = 1) -> None:
        """Count in this process's column."""
        self._words[self._own + row * _FIELDS + field] += amount

    def count_success(self, row: int, rows: int, times_ns: tuple[int, ...], now_ms: int) -> None:
        """A request was answered. `times_ns`: all its time, then queue, input, infer, output."""
        words, at = self._words, self._own + row * _FIELDS
        words[at + INFERENCES] += rows
        words[at + LAST_MS] = now_ms
        for field, ns in zip(_SPANS, times_ns, strict=True):
            words[at + field] += 1
            words[at + field + 1] += ns

    def set(self, row: int, field: int, value: int) -> None:
        """Write into this process's column."""
        self._words[self._own + row * _FIELDS + field] = value

    def predictors(self, row: int, field: int) -> int:
        """What the predictor wrote."""
        return self._words[self.at(row, self._columns - 1) + field]

    def sum(self, row: int, field: int) -> int:
        """Over all columns."""
        words = self._words
        return sum(words[self.at(row, column) + field] for column in range(self._columns))

    def last_ms(self, row: int) -> int:
        """When the last inference ended, over all columns."""
        return max(self._words[self.at(row, column) + LAST_MS] for column in range(self._columns))

    def duration(self, row: int, field: int) -> Duration:
        """A count and its nanoseconds, over all columns."""
        return Duration(count=self.sum(row, field), ns=self.sum(row, field + 1))

    def count_batch(self, row: int, size: int, input_ns: int, infer_ns: int, output_ns: int) -> None:
        """The predictor ran so many requests together."""
        at = self._batch_at(row, size)
        self._words[self.at(row) + EXECUTIONS] += 1
        for place, amount in enumerate((1, input_ns, infer_ns, output_ns)):
            self._words[at + place] += amount

    def clear_row(self, row: int) -> None:
        """A new model has it."""
        for column in range(self._columns):
            at = self.at(row, column)
            self._words[at : at + _FIELDS] = memoryview(bytes(_FIELDS * 8)).cast("q")
        at = self._batch_at(row, 0)
        size = (BATCH_MAX + 1) * _BATCH_FIELDS
        self._words[at : at + size] = memoryview(bytes(size * 8)).cast("q")

    def clear_pending(self, column: int) -> None:
        """The process of a column has died, and what was pending in it with it."""
        for row in range(MODELS_MAX):
            self._words[self.at(row, column) + PENDING] = 0

    def statistics(self, row: int) -> ModelStatistics:
        """All that is known of a model's work."""
        return ModelStatistics(
            inference_count=self.sum(row, INFERENCES),
            execution_count=self.sum(row, EXECUTIONS),
            last_inference_ms=self.last_ms(row),
            success=self.duration(row, SUCCESS),
            fail=self.duration(row, FAIL),
            queue=self.duration(row, QUEUE),
            compute_input=self.duration(row, INPUT),
            compute_infer=self.duration(row, INFER),
            compute_output=self.duration(row, OUTPUT),
            batches=self._sizes(row),
            shared=self._shared(row),
        )

    def _shared(self, row: int) -> dict[str, int]:
        """Pictures that the model had in common with others of its device; empty if there were none."""
        decodes, saved = self.sum(row, DECODES), self.sum(row, DECODES_SAVED)
        return {"decodes": decodes, "decodes_saved": saved} if decodes or saved else {}

    def _batch_at(self, row: int, size: int) -> int:
        return self._batches + (row * (BATCH_MAX + 1) + min(size, BATCH_MAX)) * _BATCH_FIELDS

    def _sizes(self, row: int) -> dict[int, tuple[Duration, Duration, Duration]]:
        found = {}
        for size in range(BATCH_MAX + 1):
            at = self._batch_at(row, size)
            count, *times = self._words[at : at + _BATCH_FIELDS].tolist()
            if count:
                first, second, third = (Duration(count=count, ns=ns) for ns in times)
                found[size] = (first, second, third)
        return found


def ledger_bytes(columns: int) -> int:
    """What it takes."""
    words = columns * _ROWS * _FIELDS + MODELS_MAX * (BATCH_MAX + 1) * _BATCH_FIELDS
    return words * 8


def make_ledger(columns: int) -> int:
    """A new one, all zero; its descriptor."""
    file = os.memfd_create("penstock-ledger", os.MFD_CLOEXEC)
    os.ftruncate(file, ledger_bytes(columns))
    return file

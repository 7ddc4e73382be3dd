"""What all processes of a tree count, in shared memory: a column for each process, which it alone writes.

The fronts' come first, then one for each seat of a predictor.

Nothing is locked, so nobody can die holding a lock; a sum over columns may be a request older than another.
A front that is started again goes on counting in its column, but what was pending in it is nobody's.
"""

import mmap
import os
from typing import Final

import numpy as np

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
EXECUTIONS: Final = 16  # of the predictor
SUCCEEDED_NS: Final = 17  # when an inference succeeded last, on the monotonic clock
FAILED: Final = 18  # inferences in a row
PICTURES: Final = 19  # of a set, from here on
FETCHES: Final = 20
FETCHES_SAVED: Final = 21
DECODES: Final = 22
DECODES_SAVED: Final = 23
_FIELDS: Final = 24
_BATCH_FIELDS: Final = 4  # count; nanoseconds of input, infer, output
_SIZES: Final = BATCH_MAX + 1
_COLUMN: Final = _ROWS * _FIELDS  # words
_COLUMN_BATCHES: Final = MODELS_MAX * _SIZES * _BATCH_FIELDS


class Ledger:
    """All columns. `column` is the one that this process writes."""

    def __init__(self, file: int, *, columns: int, column: int = 0) -> None:
        self._words = memoryview(mmap.mmap(file, ledger_bytes(columns))).cast("q")
        self.columns = columns
        self._column = column
        self._own = column * _COLUMN  # where its fields begin
        self._batches = columns * _COLUMN
        self._own_batches = self._batches + column * _COLUMN_BATCHES

    def at(self, row: int, column: int | None = None) -> int:
        """Where the fields of a model's row begin, in a column or in this process's own."""
        return (self._column if column is None else column) * _COLUMN + row * _FIELDS

    def add(self, row: int, field: int, amount: int = 1) -> None:
        """Count in this process's column."""
        self._words[self._own + row * _FIELDS + field] += amount

    def count_success(
        self, row: int, rows: int, times_ns: tuple[int, int, int, int, int], now_ms: int
    ) -> None:
        """A request was answered. `times_ns`: all its time, then queue, input, infer, output."""
        words, at = self._words, self._own + row * _FIELDS
        words[at + INFERENCES] += rows
        words[at + LAST_MS] = now_ms
        total, queue, given, infer, output = times_ns
        for place, ns in (
            (at + SUCCESS, total),
            (at + QUEUE, queue),
            (at + INPUT, given),
            (at + INFER, infer),
            (at + OUTPUT, output),
        ):
            words[place] += 1
            words[place + 1] += ns

    def set(self, row: int, field: int, value: int) -> None:
        """Write into this process's column."""
        self._words[self._own + row * _FIELDS + field] = value

    def of(self, column: int, row: int, field: int) -> int:
        """What the process of a column wrote."""
        return self._words[column * _COLUMN + row * _FIELDS + field]

    def sum(self, row: int, field: int) -> int:
        """Over all columns."""
        return sum(self._words[row * _FIELDS + field : self._batches : _COLUMN].tolist())

    def last_ms(self, row: int) -> int:
        """When the last inference ended, over all columns."""
        return max(self._words[self.at(row, column) + LAST_MS] for column in range(self.columns))

    def duration(self, row: int, field: int) -> Duration:
        """A count and its nanoseconds, over all columns."""
        return Duration(count=self.sum(row, field), ns=self.sum(row, field + 1))

    def count_batch(self, row: int, size: int, input_ns: int, infer_ns: int, output_ns: int) -> None:
        """A predictor ran so many requests together, this process."""
        words = self._words
        at = self._own_batches + (row * _SIZES + min(size, BATCH_MAX)) * _BATCH_FIELDS
        words[self._own + row * _FIELDS + EXECUTIONS] += 1
        words[at] += 1
        words[at + 1] += input_ns
        words[at + 2] += infer_ns
        words[at + 3] += output_ns

    def clear_row(self, row: int) -> None:
        """A new model has it."""
        for column in range(self.columns):
            at = self.at(row, column)
            self._words[at : at + _FIELDS] = memoryview(bytes(_FIELDS * 8)).cast("q")
            at, size = self._batches_of(row, column)
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
        )

    def _batches_of(self, row: int, column: int) -> tuple[int, int]:
        """Where a column has its batches of a row, and how many words they are."""
        words = _SIZES * _BATCH_FIELDS
        return self._batches + column * _COLUMN_BATCHES + row * words, words

    def _sizes(self, row: int) -> dict[int, tuple[Duration, Duration, Duration]]:
        total = np.zeros((_SIZES, _BATCH_FIELDS), np.int64)
        for column in range(self.columns):
            at, words = self._batches_of(row, column)
            total += np.frombuffer(self._words[at : at + words], np.int64).reshape(total.shape)
        found = {}
        for size in np.flatnonzero(total[:, 0]).tolist():
            count, *times = total[size].tolist()
            first, second, third = (Duration(count=count, ns=ns) for ns in times)
            found[size] = (first, second, third)
        return found


def ledger_bytes(columns: int) -> int:
    """What it takes."""
    return columns * (_COLUMN + _COLUMN_BATCHES) * 8


def make_ledger(columns: int) -> int:
    """A new one, all zero; its descriptor."""
    file = os.memfd_create("penstock-ledger", os.MFD_CLOEXEC)
    os.ftruncate(file, ledger_bytes(columns))
    return file

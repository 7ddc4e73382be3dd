"""How a model's requests may be batched: the deployment's `batching`, checked."""

from bisect import bisect_left

import msgspec

BATCH_MAX = 4096
DELAY_US_MAX = 10_000_000
QUEUED_MAX = 4096


class BatchLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The names are Triton's where Triton has one.

    A row is one picture or one text. `max_queue_delay_microseconds` 0 means that the device never idles
    beside work. Problems raise ValueError, all of them in words.
    """

    max_batch_size: int = 1  # rows
    preferred_batch_sizes: list[int] = []  # rows; the largest that can be filled is taken
    max_queue_delay_microseconds: int = 0  # how long a row may wait for company
    max_batch_cost: int = 0  # padded tokens or pixels of one batch; 0 = only rows count
    cost_buckets: list[int] = []  # a row's cost is padded up to one of these; a batch is of one bucket
    pad_to_preferred: bool = False  # the backend fills a batch up to the next preferred size
    queued_max: int = QUEUED_MAX  # rows waiting; one more is refused

    def __post_init__(self) -> None:
        problems = [*_rows(self), *_costs(self)]
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def delay_s(self) -> float:
        """`max_queue_delay_microseconds` in seconds."""
        return self.max_queue_delay_microseconds / 1e6

    def padded_rows(self, rows: int) -> int:
        """How many rows the device computes for so many."""
        return _next(self.preferred_batch_sizes, rows) if self.pad_to_preferred else rows

    def padded_cost(self, cost: int) -> int:
        """What one row costs after padding; above all buckets it stays as it is."""
        return _next(self.cost_buckets, cost) if self.cost_buckets else cost


def _next(steps: list[int], value: int) -> int:
    """The first step that is not below the value; above all of them the value itself."""
    place = bisect_left(steps, value)
    return steps[place] if place < len(steps) else value


def _rows(limits: BatchLimits) -> list[str]:
    problems = []
    if not 1 <= limits.max_batch_size <= BATCH_MAX:
        problems.append(f"max_batch_size is 1 to {BATCH_MAX}, not {limits.max_batch_size}")
    sizes = limits.preferred_batch_sizes
    if sizes != sorted(set(sizes)) or any(not 1 <= size <= limits.max_batch_size for size in sizes):
        problems.append(f"preferred_batch_sizes ascend from 1 to max_batch_size, not {sizes}")
    if not 0 <= limits.max_queue_delay_microseconds <= DELAY_US_MAX:
        given = limits.max_queue_delay_microseconds
        problems.append(f"max_queue_delay_microseconds is 0 to {DELAY_US_MAX}, not {given}")
    if limits.queued_max < 1:
        problems.append(f"queued_max is 1 or more, not {limits.queued_max}")
    if limits.pad_to_preferred and not sizes:
        problems.append("pad_to_preferred needs preferred_batch_sizes")
    return problems


def _costs(limits: BatchLimits) -> list[str]:
    problems = []
    if limits.max_batch_cost < 0:
        problems.append(f"max_batch_cost is 0 or more, not {limits.max_batch_cost}")
    buckets = limits.cost_buckets
    if buckets != sorted(set(buckets)) or any(bucket < 1 for bucket in buckets):
        problems.append(f"cost_buckets ascend from 1, not {buckets}")
    if limits.max_batch_cost and any(bucket > limits.max_batch_cost for bucket in buckets):
        problems.append(f"cost_buckets stay within max_batch_cost, not {buckets}")
    return problems

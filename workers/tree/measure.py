"""What a request is to its batcher: how many rows, of which shape, at which cost each."""

import math
from collections.abc import Hashable

from workers.batching.item import Item
from workers.entry import Entry
from workers.tree.intake import Job
from workers.tree.parcel import read_head


def item_of(job: Job, entry: Entry) -> Item:
    """A model that does not batch sees each request as one row, whatever is in it."""
    rows, shape, cost = 1, None, 1
    if entry.batching.max_batch_size > 1:
        rows, shape, cost = _measured(job)
        if not entry.batching.cost_buckets and not entry.batching.max_batch_cost:
            cost = 1  # all rows cost the same
    return Item(
        handle=job.handle,
        cost=cost,
        shape=shape,
        rank=job.ask.rank,
        deadline_s=job.ask.deadline_s,
        arrived_s=job.ask.arrived_s,
        count=rows,
    )


def _measured(job: Job) -> tuple[int, Hashable, int]:
    """Rows of the first tensor; the other sides of all; elements of a row, or bytes where they are texts."""
    head = read_head(job.asked)
    if not head.tensors:
        return 1, None, 1
    _, datatype, sides, size, _ = head.tensors[0]
    rows = sides[0] if sides else 1
    shape = tuple((name, kind, each[1:]) for name, kind, each, _, _ in head.tensors)
    cost = math.prod(sides[1:]) if datatype != "BYTES" else size // max(1, rows)
    return max(1, rows), (job.ask.step, shape), max(1, cost)

"""What waits for a batch, what a batch is, and why something may not wait. Values only."""

import math
from collections.abc import Hashable
from typing import Literal

import msgspec


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to infer. A client's own batch is one item of `count` rows and never split."""

    handle: int  # the caller's own name for it, unique while it waits or runs
    cost: int = 1  # of one row, in tokens or pixels; rows of one batch are padded to the dearest
    shape: Hashable = None  # only items of one shape share a batch
    rank: int = 0  # of criticality; lower is more critical
    deadline_s: float = math.inf
    arrived_s: float
    count: int = 1  # rows


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """What runs together. `cost` is rows, padded, times what the dearest row costs, padded."""

    handles: tuple[int, ...]
    shape: Hashable
    rows: int
    cost: int
    lane: Hashable  # under what the batcher learns how long it took


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The foremost item of a batch that could run now."""

    rank: int
    deadline_s: float
    took_s: float  # the prediction for a batch of what waits with it


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item may not wait."""

    reason: Literal["full", "too-large", "hopeless"]
    words: str

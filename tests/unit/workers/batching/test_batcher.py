"""The batcher, a rule at a time."""

import math

import msgspec
import pytest

from workers.batching.batcher import Batcher
from workers.batching.item import Item
from workers.batching.limits import BatchLimits

A_S, B_S = 0.001, 0.004  # how long a batch takes in these tests, per cost and as such


def item(handle: int, **given: object) -> Item:
    """An item that arrived at 0."""
    return Item(handle=handle, **{"arrived_s": 0.0, **given})  # type: ignore[arg-type]


def filled(limits: BatchLimits, *items: Item, now: float = 0.0) -> Batcher:
    batcher = Batcher(limits)
    assert [batcher.add(each, now) for each in items] == [None] * len(items)
    return batcher


def taught(limits: BatchLimits) -> Batcher:
    """A batcher that has seen batches of several sizes a moment ago: A_S for each row and B_S."""
    batcher = Batcher(limits)
    for rows in (1, 2, 4):
        for handle in range(rows):
            assert batcher.add(item(handle), 0.0) is None
        batch = batcher.take(limits.delay_s)
        assert batch is not None
        batcher.ended(batch, A_S * batch.cost + B_S)
    return batcher


def test_what_waits_goes_at_once_when_the_delay_is_0() -> None:
    """Work-conserving: a free device beside a waiting request is a loss that nothing makes good."""
    batcher = filled(BatchLimits(max_batch_size=8), item(1))
    batch = batcher.take(0.0)
    assert batch is not None
    assert batch.handles == (1,)


def test_with_a_delay_a_row_waits_for_company_until_then() -> None:
    """That is what `max_queue_delay_microseconds` means."""
    batcher = filled(BatchLimits(max_batch_size=8, max_queue_delay_microseconds=1000), item(1))
    assert batcher.take(0.0005) is None
    assert batcher.due(0.0005) == 0.001
    assert batcher.take(0.001) is not None


def test_a_full_batch_does_not_wait() -> None:
    """Company that cannot join is nothing to wait for."""
    limits = BatchLimits(max_batch_size=2, max_queue_delay_microseconds=1000)
    batch = filled(limits, item(1), item(2)).take(0.0)
    assert batch is not None
    assert batch.rows == 2


def test_the_largest_preferred_size_that_is_there_is_cut() -> None:
    """As Triton does: seven rows with 2 and 4 preferred run as 4, then 2, then 1."""
    limits = BatchLimits(max_batch_size=8, preferred_batch_sizes=[2, 4])
    batcher = filled(limits, *(item(handle) for handle in range(7)))
    sizes = []
    while (batch := batcher.take(0.0)) is not None:
        sizes.append(batch.rows)
    assert sizes == [4, 2, 1]


def test_a_row_goes_before_waiting_would_cost_it_its_deadline() -> None:
    """Waiting for company past the last chance turns a good answer into none."""
    limits = BatchLimits(max_batch_size=8, max_queue_delay_microseconds=1_000_000)
    batcher = taught(limits)
    batcher.add(item(1, deadline_s=1.1, arrived_s=1.0), 1.0)
    due_s = batcher.due(1.0)
    assert due_s == pytest.approx(1.1 - A_S - B_S - 0.001, abs=1e-4)
    assert batcher.take(due_s) is not None


def test_a_batch_is_no_larger_than_its_tightest_deadline_allows() -> None:
    """A neighbour must not make anybody late."""
    batcher = taught(BatchLimits(max_batch_size=8))
    for handle in range(8):
        batcher.add(item(handle, deadline_s=B_S + 3.5 * A_S if handle == 0 else 1.0), 0.0)
    batch = batcher.take(0.0)
    assert batch is not None
    assert batch.rows == 3
    assert 0 in batch.handles


def test_what_cannot_end_in_time_is_told_and_takes_no_place() -> None:
    """The caller learns it at once, while there is time for another tier."""
    batcher = taught(BatchLimits(max_batch_size=8))
    batcher.add(item(1, deadline_s=0.006), 0.0)
    batcher.add(item(2), 0.0)
    assert batcher.expired(0.004) == [1]
    batch = batcher.take(0.004)
    assert batch is not None
    assert batch.handles == (2,)
    assert batcher.expired(0.004) == []


def test_an_item_without_a_chance_is_refused_on_arrival() -> None:
    """A refusal now is worth more than an expiry later."""
    refusal = taught(BatchLimits(max_batch_size=8)).add(item(1, deadline_s=0.001), 0.0)
    assert refusal is not None
    assert refusal.reason == "hopeless"


def test_an_old_prediction_refuses_nobody_for_ever() -> None:
    """One slow batch, a hiccup of the device say, would else keep the model from ever being tried again."""
    batcher = filled(BatchLimits(max_batch_size=8), item(1))
    batch = batcher.take(0.0)
    assert batch is not None
    batcher.ended(batch, 30.0)
    refusal = batcher.add(item(2, deadline_s=0.6), 0.5)
    assert refusal is not None
    for handle in (3, 4, 5):
        assert batcher.add(item(handle, deadline_s=math.inf if handle == 5 else 2.0), 1.5) is None
    batch = batcher.take(1.5)
    assert batch is not None
    assert batch.handles == (3,)  # alone: one answer is risked, not three
    assert batcher.expired(1.5) == [4]


def test_the_more_critical_goes_first_whatever_its_deadline() -> None:
    """Criticality is the promise; the deadline orders among equals."""
    batcher = filled(
        BatchLimits(max_batch_size=1),
        item(1, rank=1, deadline_s=1.0),
        item(2, rank=0, deadline_s=9.0),
        item(3, rank=0, deadline_s=5.0),
    )
    order = [batch.handles[0] for _ in range(3) if (batch := batcher.take(0.0)) is not None]
    assert order == [3, 2, 1]


def test_a_dropped_caller_takes_no_place_in_a_batch() -> None:
    """Nobody reads the answer."""
    batcher = filled(BatchLimits(max_batch_size=8), item(1), item(2))
    batcher.drop(1)
    batch = batcher.take(0.0)
    assert batch is not None
    assert batch.handles == (2,)


def test_padding_counts_and_not_only_rows() -> None:
    """Four rows padded to the dearest cost 40: over the bound, so three go."""
    batcher = filled(
        BatchLimits(max_batch_size=8, max_batch_cost=30), *(item(handle, cost=10) for handle in range(4))
    )
    batch = batcher.take(0.0)
    assert batch is not None
    assert (batch.rows, batch.cost) == (3, 30)


def test_a_small_one_behind_a_large_one_that_does_not_fit_is_taken_along() -> None:
    """The place is there; the large one is first of the next batch."""
    batcher = filled(BatchLimits(max_batch_size=4), item(1, count=3), item(2, count=2), item(3, count=1))
    batches = [batch.handles for _ in range(2) if (batch := batcher.take(0.0)) is not None]
    assert batches == [(1, 3), (2,)]


def test_running_out_of_memory_splits_the_batch_and_lowers_the_cap() -> None:
    """The rows are answered all the same, and the next batches fit."""
    batcher = filled(BatchLimits(max_batch_size=8), *(item(handle) for handle in range(8)))
    batch = batcher.take(0.0)
    assert batch is not None
    again = batcher.ended(batch, 0.1, out_of_memory=True)
    assert list(again) == list(range(8))
    for handle in again:
        batcher.add(item(handle), 0.1)
    halves = [batch.rows for _ in range(2) if (batch := batcher.take(0.1)) is not None]
    assert halves == [4, 4]


def test_the_cap_is_raised_again_slowly() -> None:
    """Memory that another program held comes back; each try costs a split batch, so tries are rare."""
    batcher = filled(BatchLimits(max_batch_size=8), *(item(handle) for handle in range(8)))
    batch = batcher.take(0.0)
    assert batch is not None
    batcher.ended(batch, 0.1, out_of_memory=True)
    rows = []
    for _ in range(64 * 5):
        for handle in range(8):
            batcher.add(item(handle), 1.0)
        batch = batcher.take(1.0)
        assert batch is not None
        batcher.ended(batch, 0.001)
        rows.append(batch.rows)
        for handle in range(8):
            batcher.drop(handle)
    assert rows[63:65] == [4, 5]
    assert rows[-1] == 8


def test_one_item_that_runs_out_of_memory_alone_is_not_tried_again() -> None:
    """There is nothing to split: the caller is told."""
    batcher = filled(BatchLimits(max_batch_size=8), item(1, count=8))
    batch = batcher.take(0.0)
    assert batch is not None
    assert list(batcher.ended(batch, 0.1, out_of_memory=True)) == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"count": 9}, "too-large"),
        ({"cost": 65}, "too-large"),
        ({"count": 8}, "full"),
        ({"deadline_s": 0.0}, "hopeless"),
    ],
)
def test_a_refusal_says_why(given: dict[str, int], reason: str) -> None:
    """The front turns each into another answer."""
    batcher = filled(BatchLimits(max_batch_size=8, max_batch_cost=64, queued_max=8), item(1))
    refusal = batcher.add(item(2, **given), 0.0)
    assert refusal is not None
    assert refusal.reason == reason


def test_places_of_dropped_and_taken_rows_are_free_again() -> None:
    """A count that only grows would refuse everybody after an hour."""
    batcher = Batcher(BatchLimits(max_batch_size=2, queued_max=2))
    for handle in range(0, 100, 2):
        assert batcher.add(item(handle), 0.0) is None
        assert batcher.add(item(handle + 1), 0.0) is None
        batcher.drop(handle)
        assert batcher.take(0.0) is not None


def test_a_batch_that_is_full_by_cost_does_not_wait() -> None:
    """Company that costs too much is nothing to wait for either."""
    limits = BatchLimits(max_batch_size=8, max_batch_cost=20, max_queue_delay_microseconds=1000)
    batch = filled(limits, item(1, cost=10), item(2, cost=10)).take(0.0)
    assert batch is not None
    assert batch.rows == 2


def test_memory_follows_what_waits_and_not_what_passed_through() -> None:
    """One late and unimportant item at the top of nothing would else keep all that came and went."""
    batcher = filled(BatchLimits(max_batch_size=1), item(-1, rank=9, deadline_s=9e9, arrived_s=-1.0))
    for handle in range(2000):
        batcher.add(item(handle, arrived_s=float(handle)), 0.0)
        batcher.drop(handle)
    (lane,) = batcher._lanes.values()
    assert max(len(heap._heap) for heap in (lane._order, lane._deadlines, lane._arrivals)) < 100


def test_shapes_without_end_do_not_fill_the_memory() -> None:
    """A caller chooses the shape; what was learnt of the oldest is forgotten."""
    batcher = Batcher(BatchLimits(max_batch_size=8))
    for shape in range(1000):
        assert batcher.add(item(shape, shape=shape), float(shape)) is None
        assert batcher.take(float(shape)) is not None
    assert len(batcher._lanes) == 256


def test_more_shapes_at_once_than_are_known_are_refused() -> None:
    """A bound that nothing evades."""
    batcher = Batcher(BatchLimits(max_batch_size=8))
    answers = [batcher.add(item(shape, shape=shape), 0.0) for shape in range(257)]
    assert answers[:256] == [None] * 256
    assert answers[256] is not None
    assert answers[256].reason == "full"


def test_a_batch_padded_to_a_preferred_size_costs_as_much() -> None:
    """What the device computes counts, also for the prediction."""
    limits = BatchLimits(max_batch_size=8, preferred_batch_sizes=[4, 8], pad_to_preferred=True)
    batch = filled(limits, item(1, cost=10)).take(0.0)
    assert batch is not None
    assert (batch.rows, batch.cost) == (1, 40)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_batch_size": 0}, "max_batch_size is 1 to 4096, not 0"),
        ({"preferred_batch_sizes": [2]}, "preferred_batch_sizes ascend from 1 to max_batch_size"),
        ({"max_batch_size": 4, "preferred_batch_sizes": [4, 2]}, "preferred_batch_sizes ascend"),
        ({"max_queue_delay_microseconds": -1}, "max_queue_delay_microseconds is 0 to"),
        ({"max_batch_cost": -1}, "max_batch_cost is 0 or more"),
        ({"cost_buckets": [0]}, "cost_buckets ascend from 1"),
        ({"cost_buckets": [8], "max_batch_cost": 4}, "cost_buckets stay within max_batch_cost"),
        ({"queued_max": 0}, "queued_max is 1 or more"),
        ({"pad_to_preferred": True}, "pad_to_preferred needs preferred_batch_sizes"),
    ],
)
def test_limits_that_make_no_sense_are_refused_in_words(given: dict[str, object], words: str) -> None:
    """They stand in a file that people write."""
    with pytest.raises((ValueError, msgspec.ValidationError), match=words):
        msgspec.convert(given, BatchLimits)


def test_one_that_will_be_late_wins_its_shape_no_turn() -> None:
    """Else the less critical behind it would go before the critical of another shape."""
    batcher = taught(BatchLimits(max_batch_size=4, max_batch_cost=100))
    dear = item(1, cost=50, rank=0, deadline_s=0.1)
    behind, other = item(2, rank=1, deadline_s=0.09), item(3, shape="b", rank=0)
    assert [batcher.add(each, 0.0) for each in (dear, behind, other)] == [None] * 3
    batch = batcher.take(0.06)
    assert batch is not None
    assert batch.handles == (3,)
    assert batcher.expired(0.06) == [1]

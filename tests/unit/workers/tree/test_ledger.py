"""Counts of many processes: each writes its own, and the sum is everybody's."""

import os
from collections.abc import Iterator

import pytest

from workers.statistics import Duration
from workers.tree.ledger import BATCH_MAX, PENDING, SUCCESS, Ledger, make_ledger


@pytest.fixture
def columns() -> Iterator[list[Ledger]]:
    """Two fronts and a predictor."""
    file = make_ledger(3)
    yield [Ledger(file, columns=3, column=column) for column in range(3)]
    os.close(file)


def test_a_sum_is_over_all_and_a_row_is_its_own(columns: list[Ledger]) -> None:
    """Admission counts over all fronts, each model for itself."""
    for number, ledger in enumerate(columns):
        ledger.add(5, PENDING, number + 1)
    columns[0].add(6, PENDING, 100)
    assert [ledger.sum(5, PENDING) for ledger in columns] == [6, 6, 6]
    assert columns[2].sum(6, PENDING) == 100


def test_what_a_dead_process_had_pending_counts_no_more_but_what_it_did_does(columns: list[Ledger]) -> None:
    """Else each death would take places from a model for ever."""
    columns[0].add(5, PENDING, 3)
    columns[1].add(5, PENDING, 4)
    columns[0].add(5, SUCCESS, 7)
    columns[2].clear_pending(0)
    assert (columns[1].sum(5, PENDING), columns[1].sum(5, SUCCESS)) == (4, 7)


def test_batches_are_counted_by_size(columns: list[Ledger]) -> None:
    """Those above the limit under it; and a new model in the row begins at nothing."""
    for size in (1, 8, 8, BATCH_MAX + 7):
        columns[2].count_batch(5, size, 1, 10, 100)
    found = columns[0].statistics(5)
    assert found.execution_count == 4
    assert sorted(found.batches) == [1, 8, BATCH_MAX]
    assert found.batches[8][1] == Duration(count=2, ns=20)
    columns[0].clear_row(5)
    assert columns[1].statistics(5).batches == {}
    assert columns[1].statistics(5).execution_count == 0


def test_each_counts_batches_in_a_place_of_its_own(columns: list[Ledger]) -> None:
    """Two that add to one number lose some of it."""
    for column in (1, 2):
        columns[column].count_batch(5, 1, 0, 0, 0)
    places = [columns[0]._batches_of(5, column) for column in range(3)]
    assert [sum(columns[0]._words[at : at + size]) for at, size in places] == [0, 1, 1]

"""Batches run at once only where a hand-over would cost more than they do."""

from workers.tree.pace import AT_ONCE_S, TRIED_EVERY, TRIED_S, Pace


def after(took_s: float, batches: int, pace: Pace | None = None) -> Pace:
    """A model whose batches took so long, wherever they ran."""
    pace = pace or Pace()
    for _ in range(batches):
        pace.at_once()
        pace.ran(took_s)
    return pace


def test_nothing_runs_at_once_that_was_never_seen() -> None:
    """A model that takes seconds would keep the process from its books."""
    assert not any(Pace().at_once() for _ in range(3))


def test_a_quick_model_comes_to_run_at_once() -> None:
    """Its hand-over costs more than itself."""
    assert after(AT_ONCE_S / 2, 200).at_once()


def test_a_slow_model_is_never_tried() -> None:
    """One try of it would delay everybody."""
    pace = after(TRIED_S * 2, 200)
    for _ in range(3 * TRIED_EVERY):
        assert not pace.at_once()
        pace.ran(TRIED_S * 2)


def test_a_model_that_only_waits_for_the_lock_in_its_thread_is_found_by_a_try() -> None:
    """In a thread it looks slow; tried at once it is quick, and stays there."""
    pace = after(TRIED_S / 2, 200)
    tried = 0
    while not pace.at_once():
        pace.ran(TRIED_S / 2)
        tried += 1
    assert tried <= TRIED_EVERY
    pace.ran(AT_ONCE_S / 3)
    assert pace.at_once()
    pace.ran(AT_ONCE_S / 3)
    assert pace.at_once()


def test_a_model_that_grew_slow_goes_back_to_its_thread() -> None:
    """Its requests have grown, perhaps."""
    pace = after(AT_ONCE_S / 2, 200)
    assert pace.at_once()
    pace.ran(1.0)
    assert not pace.at_once()

"""What a crew is at, and for how long."""

from workers.tree.running import Running


def test_what_has_not_ended_in_its_time_is_told() -> None:
    """Each has a time of its own; who ended in it is forgotten."""
    running = Running()
    slow = running.begin("a batch of 'slow'", 100.0, 60.0)
    quick = running.begin("a batch of 'quick'", 100.0, 1.0)
    assert running.overdue(101.0) == ""
    assert running.overdue(101.5) == "a batch of 'quick' has not ended after 2 s, 1 are allowed"
    running.end(quick)
    assert running.overdue(160.0) == ""
    assert "'slow'" in running.overdue(160.1)
    running.end(slow)
    assert running.overdue(1e9) == ""

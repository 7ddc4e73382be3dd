"""The proxy's metrics page, read for a report."""

import pytest

from sim.replay.proxywatch import read_page

PAGE = """\
# HELP penstock_requests_total Requests by how they ended.
# TYPE penstock_requests_total counter
penstock_requests_total{class="A",outcome="ok",tier="0"} 5.0
penstock_requests_total{class="B",outcome="ok",tier="0"} 2.0
penstock_requests_total{class="B",outcome="ok",tier="1"} 3.0
penstock_requests_total{class="B",outcome="parked",tier=""} 4.0
# HELP penstock_queue_depth Tickets by status.
# TYPE penstock_queue_depth gauge
penstock_queue_depth{status="queued"} 4.0
penstock_queue_depth{status="running"} 1.0
# HELP penstock_inflight Calls in flight.
# TYPE penstock_inflight gauge
penstock_inflight{application="1"} 7.0
"""


def test_a_page_is_read_for_tiers_tickets_and_calls() -> None:
    """Over all classes."""
    sample = read_page(PAGE, 1.5)
    assert sample.requests == {"tier 0": 7, "tier 1": 3, "parked": 4}
    assert (sample.depth, sample.inflight, sample.at_s) == ({"queued": 4, "running": 1}, {"1": 7}, 1.5)


def test_what_is_no_page_is_a_value_error() -> None:
    """A proxy that is just starting again."""
    with pytest.raises(ValueError, match="html"):
        read_page("<html>oops", 0.0)

"""The tables that Penstock is measured by."""

import msgspec
import pytest

from proxy.routing.parse import parse_table
from proxy.routing.table import Table
from sim.bench.peers.payload import FAILING_LABEL, LABELS
from sim.bench.peers.penstock import NEVER, ROWS, ROWS_FEW, table
from sim.bench.peers.upstream import TIMEOUT_MS, WEIGHTS, Upstreams


@pytest.fixture(scope="module", params=[ROWS_FEW, ROWS])
def parsed(request) -> tuple[int, Table]:
    text = msgspec.json.encode(table(Upstreams(a=1, b=2, c=3), request.param))
    found = parse_table(text, {}, lambda _: None)
    assert isinstance(found, Table), found
    return request.param, found


def test_the_table_has_as_many_rows_as_it_says(parsed) -> None:
    """The figures are told by the number of rows."""
    rows, found = parsed
    assert len(found.rows) == rows


@pytest.mark.parametrize("label", [LABELS[0], LABELS[-1], FAILING_LABEL])
def test_every_label_has_two_tiers_with_the_weights_and_the_timeout_of_all_peers(parsed, label) -> None:
    """Peers that are asked for different work are not side by side."""
    tiers = parsed[1].plan((str(label),), drained=False).tiers
    shares = [{row.application.removeprefix("failing-"): row.weight for row in tier.rows} for tier in tiers]
    assert shares == [WEIGHTS, {"c": 1}]
    assert {row.timeout_s for tier in tiers for row in tier.rows} == {TIMEOUT_MS / 1000}


def test_the_whole_pipeline_is_in_use(parsed) -> None:
    """A table without classes, deadlines or limits would measure less than the job."""
    found = parsed[1]
    plans = [found.plan((str(label),), drained=False) for label in LABELS]
    assert {plan.qos.name for plan in plans} == {"bottom-line", "experience"}
    assert all(plan.qos.deadline_s for plan in plans)
    assert all(each.concurrency and each.rate for each in found.applications.values())
    assert [spec.use for spec in found.labelers] == ["json-field"]


def test_only_where_every_request_fails_the_breakers_are_blind(parsed) -> None:
    """An open breaker passes the failing tier over: then nothing falls through any more."""
    blind = {each.id for each in parsed[1].applications.values() if each.breaker.consecutive == NEVER}
    assert blind == {"failing-a", "failing-b"}

"""The founding document's table, word for word, and the routing that the document describes."""

from pathlib import Path

import pytest

from proxy.routing.expectations import check_expectations
from proxy.routing.table import BreakerLimits, Table
from tests.stand_ins.tables import parsed

TABLES = Path(__file__).parents[4] / "routing_tables"

# The columns: application, timeout (ms), weight, priority, clusterType, label.
FOUNDING = """
1 | 100 | 10 | 0 | http | 1,44,1125
2 | 100 | 20 | 1 | http | 1,44,1125
3 | 100 | 40 | 0 | http | 7
4 | 100 | 50 | 0 | http | 1125
5 | 100 | 30 | 0 | hsf  | 1,44
6 | 200 | 40 | 0 | hsf  | 1
"""


@pytest.fixture
def founding() -> Table:
    return parsed((TABLES / "founding.yaml").read_text(encoding="utf-8"))


def test_the_founding_table_holds_the_founding_document_s_rows(founding: Table) -> None:
    """Six rows, every column."""
    cells = [[cell.strip() for cell in line.split("|")] for line in FOUNDING.strip().splitlines()]
    found = [
        [
            row.application,
            f"{row.timeout_s * 1000:g}",
            f"{row.weight:g}",
            str(row.priority),
            row.cluster_type,
            row.labels,
        ]
        for row in founding.rows
    ]
    assert found == [[*line[:5], frozenset(line[5].split(","))] for line in cells]


def test_a_request_labelled_1125_goes_to_1_and_4_by_1_to_5_and_then_to_2(founding: Table) -> None:
    """The document's own example."""
    first, second = founding.plan(("1125",), drained=False).tiers
    assert [(row.application, row.weight) for row in first.rows] == [("1", 10), ("4", 50)]
    assert [row.application for row in second.rows] == ["2"]


def test_the_founding_table_meets_its_expectations(founding: Table) -> None:
    """The file beside it says them as data."""
    expectations = (TABLES / "founding.expect.yaml").read_text(encoding="utf-8")
    assert check_expectations(founding, expectations) == []
    assert check_expectations(founding, expectations.replace("4: 50", "4: 51"))


def test_the_labels_of_the_founding_table_come_from_the_body(founding: Table) -> None:
    """`{"parameters": {"label": 1125}}`."""
    (labeler,) = founding.labelers
    assert (labeler.use, labeler.options) == ("json-field", {"path": "parameters.label"})


def test_the_tables_in_the_readme_are_tables() -> None:
    """What people copy must work."""
    blocks = (TABLES / "README.md").read_text(encoding="utf-8").split("```yaml\n")[1:]
    whole, expectations = [block.split("```")[0] for block in blocks]
    table = parsed(whole, {"IMAGE_RISK_TOKEN": "hunter2"})
    assert table.applications["1"].headers == ((b"Authorization", b"Bearer hunter2"),)
    assert table.applications["1"].breaker == BreakerLimits(slow_s=0.08)  # it states the defaults
    founding = parsed((TABLES / "founding.yaml").read_text(encoding="utf-8"))
    assert check_expectations(founding, expectations) == []

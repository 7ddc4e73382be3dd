"""The tables for a README: the same figures, and the same honesty."""

from sim.bench.peers.case import CASES
from sim.bench.peers.contest import VARIANT
from sim.bench.peers.markdown import markdown, table
from sim.bench.peers.report import About
from sim.bench.peers.sample import Sample
from sim.bench.peers.summary import summarise

CHOSEN = [case for case in CASES if case.name in ("idle", "small-64", "tls", "open-loop")]


def about(name: str, **fields) -> About:
    return About(name=name, version="1.0", does="something", lacks="", **fields)


def rows(text: str) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("|"):
            first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
            found.setdefault(first, []).append(rest)
    return found


def test_a_peer_has_a_cell_for_each_case_with_the_spread_and_its_errors() -> None:
    """In the unit that the heading names."""
    samples = [
        *(
            Sample(peer="nginx", case="small-64", round=each, per_s=each * 1e3, errors=2)
            for each in (1, 2, 4)
        ),
        Sample(peer="nginx", case="idle", round=1, connection_bytes=2048.0),
    ]
    abouts = [about("nginx", left_out={"tls": "it has none"})]
    found = rows(markdown(CHOSEN, abouts, summarise(samples), []))
    assert found["answers/s"][0] == ["idle, KiB each", "small-64", "tls"]
    assert found["nginx"][0] == ["2.0 (2.0–2.0)", "2,000 (1,000–4,000) (6 errors)", "–"]


def test_what_is_missing_or_failed_says_so_and_a_variants_other_cases_are_blank() -> None:
    """An empty table row would pass for a peer that nobody thought of."""
    abouts = [
        about("envoy", missing="not on this machine: pip install it"),
        about("relay"),
        about("envoy-relay", left_out={"idle": VARIANT, "small-64": VARIANT, "tls": VARIANT}),
    ]
    text = markdown(CHOSEN, abouts, [], ["relay did not start in round 1: boom"])
    found = rows(text)
    assert found["envoy"][0] == ["MISSING"] * 3
    assert found["envoy"][1] == ["MISSING"] * 7
    assert found["envoy"][2][0] == "MISSING: not on this machine: pip install it"
    assert found["relay"][0] == ["FAILED"] * 3
    assert found["envoy-relay"][0] == [""] * 3
    assert "- FAILED: relay did not start in round 1: boom" in text


def test_penstocks_ratios_and_the_cost_of_its_rows_are_there() -> None:
    """They are what the tables are read for."""
    speeds = {"penstock": 50.0, "envoy": 100.0, "haproxy+label": 200.0, "penstock-6-rows": 51.0}
    samples = [Sample(peer=name, case="small-64", round=1, per_s=each) for name, each in speeds.items()]
    text = markdown(CHOSEN, [about(name) for name in speeds], summarise(samples), [])
    found = rows(text)
    assert found["`penstock`, answers/s over those of"] == [["envoy", "haproxy+label"]]
    assert found["250 bytes of JSON, 64 connections"] == [["0.50 (0.50–0.50)", "0.25 (0.25–0.25)"]]
    assert "10,000 rows: penstock over penstock-6-rows: answers/s 0.98 (0.98–0.98)" in text


def test_the_open_loop_has_what_is_added_over_direct() -> None:
    """Plain latencies too."""
    samples = [
        Sample(peer=name, case="open-loop", round=1, p50_ms=each, p99_ms=each * 2, p999_ms=each * 4)
        for name, each in {"direct": 0.5, "penstock": 0.75}.items()
    ]
    found = rows(markdown(CHOSEN, [about("direct"), about("penstock")], summarise(samples), []))
    assert found["penstock"][1] == ["0.75", "1.50", "3.00", "+0.25", "+0.50", "+1.00", "+0.50 to +0.50"]


def test_every_row_of_a_table_has_as_many_cells_as_its_heading() -> None:
    """Otherwise it is shown as text."""
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| :-- | --: |\n| 1 | 2 |"
    assert table(["a"], []) == ""

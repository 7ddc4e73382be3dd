"""From samples to figures."""

from sim.bench.peers.sample import Sample
from sim.bench.peers.summary import Spread, summarise


def sample(peer: str, number: int, per_s: float, **fields) -> Sample:
    return Sample(peer=peer, case="small-64", round=number, per_s=per_s, **fields)


def found(*samples: Sample):
    return {summary.peer: summary for summary in summarise(samples)}


def test_a_figure_is_the_median_with_the_lowest_and_the_highest_round() -> None:
    """One slow round must not decide."""
    rounds = [sample("penstock", number, per_s) for number, per_s in enumerate((10.0, 2.0, 12.0, 11.0, 9.0))]
    assert found(*rounds)["penstock"].per_s == Spread(10.0, 2.0, 12.0)


def test_a_ratio_is_taken_within_each_round() -> None:
    """The machine halves its speed after each round; the peers' ratio stays."""
    speeds = (800.0, 400.0, 200.0)
    samples = [sample("envoy", number, speed) for number, speed in enumerate(speeds)]
    samples += [sample("penstock", number, speed / 2) for number, speed in enumerate(speeds[:2])]
    assert found(*samples)["penstock"].ratios == {"envoy": Spread(0.5, 0.5, 0.5)}
    assert found(*samples)["envoy"].ratios == {}


def test_a_ratio_is_taken_between_turns_that_belong_together_and_a_rounds_is_the_median_of_them() -> None:
    """The medians of a round's turns alone would give 400/800; its spread is that of the rounds."""
    samples = [sample("envoy", 1, speed, turn=turn) for turn, speed in enumerate((800.0, 400.0, 900.0))]
    samples += [sample("penstock", 1, speed, turn=turn) for turn, speed in enumerate((600.0, 300.0, 90.0))]
    samples += [sample("envoy", 2, 100.0, turn=0), sample("penstock", 2, 25.0, turn=0)]
    penstock = found(*samples)["penstock"]
    assert penstock.ratios["envoy"] == Spread(0.5, 0.25, 0.75)
    assert (penstock.rounds, penstock.turns) == (2, 4)


def test_latency_is_not_added_over_direct_of_another_turn() -> None:
    """Nor of another case: at saturation `direct` has another latency."""
    samples = [
        sample("direct", 1, 1.0, p50_ms=1.0, turn=1),
        sample("penstock", 1, 1.0, p50_ms=3.0, turn=2),
        Sample(peer="direct", case="open-loop", round=1, turn=2, p50_ms=1.0),
    ]
    assert found(*samples)["penstock"].added_p50_ms is None


def test_a_table_of_many_rows_is_compared_with_few_by_speed_and_by_processor_time() -> None:
    """The latter is the steadier one."""
    samples = [
        sample("penstock", 1, 96.0, cpu_us=52.0),
        sample("penstock-6-rows", 1, 100.0, cpu_us=50.0),
    ]
    penstock = found(*samples)["penstock"]
    assert penstock.ratios["penstock-6-rows"].median == 0.96
    assert penstock.cpu_ratios["penstock-6-rows"].median == 1.04


def test_a_peer_that_fails_is_no_reference_in_that_turn() -> None:
    """A thousand times what a relay does that misses its timeouts says nothing; a few errors do no harm."""
    samples = [
        sample("envoy", 1, 1.0, requests=99, errors=1),
        sample("envoy", 2, 50.0, requests=100, errors=1),
        sample("penstock", 1, 100.0),
        sample("penstock", 2, 100.0),
    ]
    assert found(*samples)["penstock"].ratios["envoy"] == Spread(2.0, 2.0, 2.0)
    assert found(*samples[:1], samples[2])["penstock"].ratios == {}


def test_a_peer_that_answered_nothing_has_no_ratio_to_it() -> None:
    """Nor one that is not there."""
    samples = [sample("envoy", 1, 0.0), sample("penstock", 1, 5.0), sample("haproxy", 2, 5.0)]
    assert found(*samples)["penstock"].ratios == {}


def test_latency_is_added_over_direct_in_the_same_round() -> None:
    """What the generator and the upstream cost is not the peer's."""
    samples = [
        sample("direct", 1, 1.0, p50_ms=1.0, p99_ms=2.0, p999_ms=3.0),
        sample("penstock", 1, 1.0, p50_ms=1.5, p99_ms=4.0, p999_ms=9.0),
        sample("direct", 2, 1.0, p50_ms=5.0, p99_ms=6.0, p999_ms=7.0),
        sample("penstock", 2, 1.0, p50_ms=5.7, p99_ms=9.0, p999_ms=17.0),
    ]
    penstock = found(*samples)["penstock"]
    assert round(penstock.added_p50_ms.median, 6) == 0.6
    assert (penstock.added_p99_ms, penstock.added_p999_ms) == (Spread(2.5, 2.0, 3.0), Spread(8.0, 6.0, 10.0))


def test_errors_and_doubts_of_any_round_are_carried_along() -> None:
    """A figure beside which they are not told would be trusted."""
    samples = [
        sample("envoy", 1, 1.0),
        sample("envoy", 2, 1.0, errors=3, trouble="3 not 2xx"),
        sample("envoy", 3, 1.0, doubt="others had 40% of its core"),
    ]
    envoy = found(*samples)["envoy"]
    assert (envoy.rounds, envoy.errors, envoy.trouble) == (3, 3, "3 not 2xx")
    assert (envoy.doubts, envoy.doubt) == (1, "others had 40% of its core")


def test_what_was_not_measured_stays_unknown() -> None:
    """Not 0."""
    assert found(Sample(peer="direct", case="idle", round=1))["direct"].per_s is None


def test_cases_are_kept_apart() -> None:
    """A peer's figures in one case say nothing about another."""
    samples = [sample("envoy", 1, 1.0), Sample(peer="envoy", case="tls", round=1, per_s=9.0)]
    assert [(each.case, each.per_s.median) for each in summarise(samples)] == [
        ("small-64", 1.0),
        ("tls", 9.0),
    ]

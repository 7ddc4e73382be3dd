"""What the benchmark of several processes sets side by side, and what it makes of what it is told."""

import pytest

from sim.bench.processes import Part, figures_of, setups


def test_every_setup_but_the_first_uses_two_cores_with_a_process_for_each() -> None:
    """Else a ratio of two would prove nothing."""
    one, *others = setups([5, 7, 9])
    assert (one.cores, [count for _, count in one.parts]) == ({5}, [1])
    for setup in others:
        assert setup.cores == {5, 7}
        assert sum(count for _, count in setup.parts) == 2


def test_what_the_processes_used_is_told_apart_from_what_others_did() -> None:
    """Cores that somebody else was busy on must not look as if the proxy had been."""
    part = Part(good=1000, span_s=2.0, trouble="", proxy_s=(0.01, 0.59, 0.4), upstream_s=0.5)
    figures = figures_of([part], generators_s=0.5, cores_s=4.0)
    assert figures.per_s == 500
    assert figures.proxy_us == pytest.approx(1000)
    assert figures.all_us == pytest.approx(2000)
    assert figures.unused == pytest.approx(0.5)
    assert figures.uneven == pytest.approx(0.59 / 0.4)
    assert figures.supervisor == pytest.approx(0.01)


def test_two_proxies_are_one_setup_whose_work_is_added_up() -> None:
    """What the machine gives to two that share nothing."""
    parts = [
        Part(good=100, span_s=1.0, trouble=str(each), proxy_s=(each,), upstream_s=0) for each in (0.5, 1)
    ]
    figures = figures_of(parts, generators_s=0.0, cores_s=2.0)
    assert (figures.per_s, figures.uneven, figures.supervisor) == (200, 2.0, 0.0)
    assert figures.trouble == "0.5; 1"

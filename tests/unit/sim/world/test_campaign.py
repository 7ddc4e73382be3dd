"""Random worlds in the tests: a short campaign. `python -m sim.world` runs long ones."""

import pytest

import sim.world.__main__ as command
from proxy.qos.permits import Permits
from proxy.routing.table import Application
from sim.world.campaign import Campaign

WORLDS = 200
FIRST_SEED = 1


@pytest.fixture(scope="module")
def campaign() -> Campaign:
    """All worlds of the tests, run once."""
    campaign = Campaign()
    for seed in range(FIRST_SEED, FIRST_SEED + WORLDS):
        outcome = campaign.run(seed)
        assert not outcome.violations, f"seed {seed}: {outcome.violations}"
    return campaign


def test_random_worlds_keep_every_rule(campaign: Campaign) -> None:
    """Each under all checkers; a violation tells its seed."""
    assert campaign.requests > 50 * WORLDS


@pytest.mark.parametrize(
    "what",
    [
        *(
            "requests served",
            "requests parked",
            "requests exhausted",
            "requests unroutable",
            "requests abandoned",
        ),
        *("attempts ok", "attempts timeout", "attempts refused", "attempts reset", "attempts throttled"),
        *("attempts failed", "attempts denied", "attempts garbage"),
        *("passed over (breaker)", "passed over (concurrency)", "passed over (rate)", "passed over (held)"),
        *("passed over (deadline)", "passed over (weight)"),
        *("sheds from full lines", "log drain_waits_for_queue"),
    ],
)
def test_in_random_worlds_everything_happens(what: str, campaign: Campaign) -> None:
    """Worlds in which nothing goes wrong would keep every rule of any proxy."""
    assert campaign.seen[what] > 10


def one_too_many(application: Application) -> Permits:
    """Permits that admit one more than they should."""
    limit = None if application.concurrency is None else application.concurrency + 1
    return Permits(concurrency=limit, rate=application.rate, burst=application.burst)


def test_a_violation_is_told_with_its_seed_and_the_command_that_replays_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever sees it must be able to see it again."""
    monkeypatch.setattr(command, "Campaign", lambda: Campaign(one_too_many))
    monkeypatch.setattr("sys.argv", ["sim.world", "--worlds", "50", "--seed", "1"])
    assert command.main() == 1
    told = capsys.readouterr().out
    seed = told.split("replay: python -m sim.world --worlds 1 --seed ")[1].split()[0]
    assert f"seed {seed}, " in told
    assert "I1 concurrency" in told
    monkeypatch.setattr("sys.argv", ["sim.world", "--worlds", "1", "--seed", seed])
    assert command.main() == 1
    assert capsys.readouterr().out.splitlines()[0] in told


def test_worlds_that_keep_every_rule_are_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what was seen, and the rules that wait for stages not built yet."""
    monkeypatch.setattr(command, "TOLD_EVERY", 5)
    monkeypatch.setattr("sys.argv", ["sim.world", "--worlds", "10", "--seed", "1"])
    assert command.main() == 0
    told = capsys.readouterr().out
    assert "5 worlds, " in told
    assert "10 worlds kept every rule" in told
    assert "requests served" in told


@pytest.mark.parametrize(
    "arguments", [["--worlds", "0"], ["--worlds", "many"], ["scenarios", "--seeds", "-1"]]
)
def test_of_no_worlds_nothing_is_claimed(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run of none that ends well would pass for one of many."""
    monkeypatch.setattr("sys.argv", ["sim.world", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2

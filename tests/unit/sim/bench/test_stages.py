"""The benchmark of the stages: it calls what decides, and says what is over its budget."""

import pytest
import uvloop

from sim.bench import stages


def test_every_stage_is_called_and_costs_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that is not called would be within any budget."""
    monkeypatch.setattr(stages, "ROUNDS", 2)
    monkeypatch.setattr(stages, "CALLS", 50)
    found = uvloop.run(stages.measure_here())
    assert list(found) == list(stages.BUDGETS_US)
    assert all(us > 0 for us in found.values())


def test_what_is_over_its_budget_is_said() -> None:
    """A budget itself is within."""
    over = {**stages.BUDGETS_US, "plan": stages.BUDGETS_US["plan"] + 0.1}
    told = {line.split()[0]: line for line in stages.lines({"plain": over})}
    assert stages.OVER in told["plan"]
    assert stages.WITHIN in told["guard"]

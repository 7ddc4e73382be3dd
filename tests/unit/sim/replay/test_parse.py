"""Plans as text: what they become, and all that is wrong with one, by line."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from proxy.routing.problems import Problems
from sim.replay.document import render
from sim.replay.errors import ReplayRefused
from sim.replay.parse import parse_plan
from sim.replay.plan import AbortRule
from sim.replay.profiles import folder, names, profile
from sim.shapes.shape import Burst, Constant
from tests.unit.sim.replay.plans import GOOD, plan_of

PROFILES = (
    "double11-faults", "double11-limits", "double11-peak", "double11-probe", "post-promotion-refresh",
)  # fmt: skip


def problems(text: str) -> list[str]:
    found = parse_plan(text.encode(), {})
    assert isinstance(found, Problems)
    return list(found.lines("plan.yaml"))


def test_a_plan_is_read_whole() -> None:
    """Times in seconds, shares from 0 to 1, faults in the order in which they come."""
    plan = plan_of()
    assert [each.shape for each in plan.stages] == [
        Constant(rate=10, seconds=10), Burst(rate=10, seconds=10, size=200, first_s=2),
    ]  # fmt: skip
    assert (plan.stages[0].mix, plan.stages[1].mix) == ((), (("b", 1.0),))
    assert [(each.name, each.weight, each.deadline_s, each.labels) for each in plan.classes] == [
        ("a", 3, 0.1, ("1", "44")), ("b", 1, 2.0, ("7",)),
    ]  # fmt: skip
    assert [each.text for each in plan.thresholds] == ["p99 < 100ms", "lost == 0 in quiet", "goodput > 99.9%"]
    assert [each.name for each in plan.faults] == ["reload", "stop"]
    assert plan.abort == AbortRule(failed_share=0.5, for_s=5)
    assert (plan.limits.requests_max, plan.limits.connections_max, plan.limits.answer_s_max) == (
        1_000,
        10,
        30,
    )


def test_the_scale_and_the_target_may_be_given_beside_the_plan() -> None:
    """A profile is played at the size and the place of the day."""
    plan = parse_plan(GOOD.encode(), {}, scale=0.1, target="http://localhost:7/x")
    assert not isinstance(plan, Problems)
    assert (plan.scale, plan.target.path) == (0.1, "/x")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rate: 10, sec", "rate: fast, sec", "plan.yaml:6: rate: a number is wanted here"),
        ("kind: constant", "kind: konstant", "plan.yaml:6: shape: 'konstant' is no kind of shape"),
        ("seconds: 10}}", "secs: 10}}", "plan.yaml:6: unknown key secs in a constant rate"),
        ("name: peak", "name: quiet", "plan.yaml:7: a second stage is called quiet"),
        ("mix: {b: 1}", "mix: {c: 1}", "plan.yaml:7: no class is called c"),
        ("mix: {b: 1}", "mix: {b: 0}", "plan.yaml:7: mix: no weight is above 0"),
        ("name: b,", "name: all,", "plan.yaml:10: a second class is called all"),
        ("p99 < 100ms", "p99 < 100", "plan.yaml:12: thresholds: p99 is a time: ms or s is wanted"),
        ("p99 < 100ms", "p98 < 100ms", "plan.yaml:12: thresholds: no figure is called 'p98'"),
        ("in quiet", "in quit", "plan.yaml:12: no stage is called 'quit' (did you mean 'quiet'?)"),
        ("  a: [p99", "  c: [p99", "plan.yaml:12: no class is called c"),
        ("127.0.0.1:8080", "10.0.0.1:8080", "plan.yaml:3: 10.0.0.1 is not this machine"),
        ("127.0.0.1:9090/metrics", "10.0.0.1:9090/metrics", "plan.yaml:4: 10.0.0.1 is not this machine"),
        ("127.0.0.1:9090/v1", "10.0.0.1:9090/v1", "plan.yaml:16: 10.0.0.1 is not this machine"),
        ("run: [kill, -STOP, \"123\"]", "run: kill", "plan.yaml:15: run: a list of words is wanted here"),
        (", run: [kill, -STOP, \"123\"]", "", "plan.yaml:15: a fault is either run or http"),
        ("name: night", "name: ../up", "plan.yaml:2: name: ../up is not a name"),
        ("version: 1", "version: 2", "plan.yaml:1: version: 2 is out of range"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_a_hint(old: str, new: str, said: str) -> None:
    """As of a routing table."""
    assert old in GOOD
    assert any(line.startswith(said) for line in problems(GOOD.replace(old, new, 1))), problems(
        GOOD.replace(old, new, 1)
    )


def test_all_mistakes_are_told_at_once() -> None:
    """Not one a run."""
    text = (
        GOOD.replace("kind: constant", "kind: none").replace("p99 <", "p98 <").replace("name: stop", "nme: x")
    )
    assert [line.split(":")[1] for line in problems(text)] == ["6", "12", "15", "15"]


def test_another_host_is_loaded_only_where_the_plan_allows_it_by_name() -> None:
    """Load on the wrong machine is an attack."""
    text = GOOD.replace("127.0.0.1:8080", "10.0.0.1:8080")
    assert plan_of(text + "allow: [10.0.0.1]\n").target.host == "10.0.0.1"


def test_the_schema_that_is_shipped_is_the_parsers() -> None:
    """`python -m sim.replay.document > sim/profiles/plan.schema.json` writes it anew."""
    assert files("sim.profiles").joinpath("plan.schema.json").read_text() == render()


def test_the_schema_takes_the_profiles_and_refuses_an_unknown_key() -> None:
    """For editors."""
    schema = json.loads(render())
    for name in names():
        jsonschema.validate(yaml.safe_load((folder() / f"{name}.yaml").read_text()), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(GOOD), "thershold": 1}, schema)


def test_the_five_profiles_are_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a file of one's own goes before a profile of its name."""
    assert tuple(names()) == PROFILES
    for name in names():
        plan_of(profile(Path(name)).read_text())
    monkeypatch.chdir(tmp_path)
    Path("double11-peak").write_text("mine")
    assert profile(Path("double11-peak")) == Path("double11-peak")
    assert profile(Path("nothing.yaml")) == Path("nothing.yaml"), "a file that is not there is told as one"
    with pytest.raises(ReplayRefused, match="double11-peak"):
        profile(Path("nothing-of-that-name"))


def test_the_example_of_the_manual_is_a_plan() -> None:
    """It is what people copy."""
    text = (folder() / "README.md").read_text()
    plan = plan_of(text.split("```yaml\n")[1].split("```")[0])
    assert [each.name for each in plan.stages] == ["quiet", "peak", "hour"]

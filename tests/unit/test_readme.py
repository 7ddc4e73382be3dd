"""What the README shows is true: its table is a table, and its call fits the bundled model that it names."""

import re
from pathlib import Path

import msgspec
import yaml

from tests.stand_ins.tables import parsed

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def shown(pattern: str) -> tuple[str, ...]:
    found = re.search(pattern, README, re.DOTALL)
    assert found, pattern
    return found.groups()


def test_the_readmes_table_shares_traffic_as_the_readme_says() -> None:
    """1/6 and 5/6, then application 2: and the bundled worker's address is among the endpoints."""
    (text,) = shown(r"```yaml\n(.*?)```")
    table = parsed(text)
    first, second = table.plan(("1125",), drained=False).tiers
    assert [(row.application, row.weight) for row in first.rows] == [("1", 10), ("4", 50)]
    assert [row.application for row in second.rows] == ["2"]
    assert table.applications["2"].endpoints == ("http://127.0.0.1:8001",)


def test_the_readmes_call_has_the_inputs_that_the_model_wants() -> None:
    """The first thing that anybody tries must not be answered 400."""
    name, body = shown(r"curl -i http://\S+/v2/models/([\w-]+)/infer -d '(.*?)'\n```")
    model = yaml.safe_load((ROOT / "workers" / "models" / name / "model.yaml").read_text(encoding="utf-8"))
    given = msgspec.json.decode(body)["inputs"]
    wanted = [(each["name"], each["datatype"]) for each in model["inputs"]]
    assert [(each["name"], each["datatype"]) for each in given] == wanted

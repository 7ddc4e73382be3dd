"""The JSON Schemas: current, valid, and of one mind with the parser where a schema has a say."""

import json
import runpy
import sys
from pathlib import Path

import jsonschema
import pytest

from proxy.routing.document import builtins, compose
from proxy.routing.parse import parse_table
from proxy.routing.problems import Reports
from proxy.routing.schema import render
from proxy.routing.table import Table
from tests.stand_ins.tables import APPLICATIONS, MINIMAL, ROUTE, with_application, with_route

TABLES = Path(__file__).parents[4] / "routing_tables"
ENVIRON = {"NAME": "x", "URL": "http://h:1"}

TAKEN = [
    MINIMAL,
    (TABLES / "founding.yaml").read_text(encoding="utf-8"),
    with_route(label="'*'"),
    with_route(label="'1, 44 ,*'"),
    with_route(label="[1, a, '*']"),
    with_route(label="'${NAME}'"),
    with_route(timeout="0.5"),
    with_route(timeout="600000"),
    with_route(weight="0"),
    with_route(priority="-5"),
    with_application("model: m, concurrency: 1, rate: 0.5, burst: 1, headers: {A: 'b'}, breaker: {}"),
    with_application("breaker: {consecutive: 1, ratio: 1, calls: 1, window: 1, rest: 1, restMax: 1}"),
    with_application("breaker: {slow: 1, slowRatio: 1}, concurrency: 1, adaptive: true"),
    with_application("model: '${NAME}', headers: {X-Key: '${NAME}'}"),
    MINIMAL.replace('"http://h:1"', "'${URL}'"),
    MINIMAL.replace('"http://h:1"', '["http://h:1", "http://[::1]:2/prefix/"]'),
    MINIMAL + "labelers: [{use: x, default: [], budget: 5, anything: {goes: [1]}}]",
    MINIMAL + "classes: [{name: a, label: '1,2', deadline: 5}]",
    MINIMAL + "classes: [{name: a, label: 1, hedge: true}, {name: b, label: 2, hedge: false}]",
    with_application("health: {path: /v2/health/ready, every: 1, timeout: 1, down: 1, up: 1}"),
    MINIMAL + "labelers: []\nclasses: []",
]

REFUSED = [
    "[]",
    MINIMAL[11:],
    MINIMAL.replace("version: 1", "version: 2"),
    MINIMAL.replace("version: 1", "version: '1'"),
    MINIMAL + "extra: 1",
    "version: 1\n" + APPLICATIONS,
    "version: 1\n" + ROUTE,
    "version: 1\napplications: {}\n" + ROUTE,
    "version: 1\n" + APPLICATIONS + "routes: []",
    with_route(label="[]"),
    with_route(label="''"),
    with_route(label="'1,,2'"),
    with_route(label="'a b'"),
    with_route(label="1.5"),
    with_route(label="true"),
    with_route(label="[[1]]"),
    with_route(timeout="0"),
    with_route(timeout="600001"),
    with_route(timeout="'100'"),
    with_route(weight="-1"),
    with_route(priority="1.5"),
    with_route(clusterType="grpc"),
    with_route(application="'a b'"),
    with_route(extra="1"),
    with_application("model: a/b"),
    with_application("concurrency: 0"),
    with_application("rate: 0"),
    with_application("burst: 5"),
    with_application("headers: {A: 5}"),
    with_application("headers: {HOST: a}"),
    with_application("headers: {a b: c}"),
    with_application("breaker: {ratio: 2}"),
    with_application("breaker: {rest: 1, other: 2}"),
    with_application("breaker: {slowRatio: 0.5}"),
    with_application("adaptive: true"),
    with_application("concurrency: 1, adaptive: 'true'"),
    MINIMAL.replace('"http://h:1"', '"https://h:1"'),
    MINIMAL.replace('"http://h:1"', '"http://h"'),
    MINIMAL.replace('"http://h:1"', '"http://u@h:1"'),
    MINIMAL.replace('"http://h:1"', '"http://h:1/?q"'),
    MINIMAL.replace('"http://h:1"', "[]"),
    MINIMAL.replace("{1: {endpoints", "{'a b': {endpoints"),
    MINIMAL + "labelers: [{path: x}]",
    MINIMAL + "labelers: [{use: x, budget: 0}]",
    MINIMAL + "classes: [{name: a}]",
    MINIMAL + "classes: [{name: a, label: '*'}]",
]


def faults(name: str, text: str) -> list[str]:
    """What the schema says against a YAML text."""
    root = compose(text.encode(), dict.fromkeys(ENVIRON, "${"), Reports())  # an editor fills nothing in
    assert root is not None
    validator = jsonschema.Draft202012Validator(json.loads(render(name)))
    return [error.message for error in validator.iter_errors(builtins(root))]


@pytest.mark.parametrize("name", ["table", "expectations"])
def test_the_schema_file_is_current(name: str) -> None:
    """It is made, not written: `python -m proxy.routing.schema NAME > routing_tables/NAME.schema.json`."""
    assert (TABLES / f"{name}.schema.json").read_text(encoding="utf-8") == render(name)
    jsonschema.Draft202012Validator.check_schema(json.loads(render(name)))


@pytest.mark.parametrize("text", TAKEN)
def test_what_the_parser_takes_the_schema_takes(text: str) -> None:
    """An editor must not complain of a table that is served."""
    assert isinstance(parse_table(text, ENVIRON), Table)
    assert faults("table", text) == []


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_wrong_in_its_structure_both_refuse(text: str) -> None:
    """The sooner the better: while typing."""
    assert not isinstance(parse_table(text, ENVIRON), Table)
    assert faults("table", text)


def test_the_schema_of_expectations_takes_the_founding_ones_and_refuses_odd_ones() -> None:
    """It is made from the same definitions."""
    assert faults("expectations", (TABLES / "founding.expect.yaml").read_text(encoding="utf-8")) == []
    for odd in ("5", "[]", "- {class: a}", "- {labels: 1, tiers: [{a: -1}]}", "- {labels: 1, unroutable: 5}"):
        assert faults("expectations", odd), odd


@pytest.mark.parametrize(("arguments", "name"), [([], "table"), (["expectations"], "expectations")])
def test_the_module_prints_a_schema(
    arguments: list[str], name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way in which the files are made anew."""
    monkeypatch.setattr(sys, "argv", ["schema", *arguments])
    monkeypatch.delitem(sys.modules, "proxy.routing.schema")  # else runpy warns that it is there already
    runpy.run_module("proxy.routing.schema", run_name="__main__")
    assert capsys.readouterr().out == render(name)

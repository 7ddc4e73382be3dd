"""Tables written in a test, and what the parser says of them."""

from collections.abc import Mapping

from proxy.routing.parse import CheckLabeler, parse_table
from proxy.routing.problems import Problem, Problems
from proxy.routing.table import Table

APPLICATIONS = 'applications: {1: {endpoints: "http://h:1"}, 2: {endpoints: "http://h:2"}}\n'
ROUTE = "routes: [{application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: 7}]\n"
MINIMAL = "version: 1\n" + APPLICATIONS + ROUTE


def parsed(
    text: str, environ: Mapping[str, str] | None = None, check_labeler: CheckLabeler | None = None
) -> Table:
    """The table that `text` is; fails with its problems where it is none."""
    result = parse_table(text, environ or {}, check_labeler)
    assert isinstance(result, Table), "\n".join(result.lines("table"))
    return result


def refused(
    text: str | bytes, environ: Mapping[str, str] | None = None, check_labeler: CheckLabeler | None = None
) -> list[Problem]:
    """The problems of a `text` that is no table."""
    result = parse_table(text, environ or {}, check_labeler)
    assert isinstance(result, Problems), "a table with a fault was taken"
    return list(result.found)


def with_application(options: str) -> str:
    """A table whose application 1 has these keys besides its endpoint."""
    return f'version: 1\napplications: {{1: {{endpoints: "http://h:1", {options}}}}}\n{ROUTE}'


def with_route(**changed: str) -> str:
    """A table of one row, on line 3, with these values as YAML in place of good ones."""
    row = {
        "application": "1",
        "timeout": "100",
        "weight": "1",
        "priority": "0",
        "clusterType": "http",
        "label": "7",
    }
    keys = ", ".join(f"{key}: {value}" for key, value in {**row, **changed}.items())
    return f"version: 1\n{APPLICATIONS}routes: [{{{keys}}}]\n"

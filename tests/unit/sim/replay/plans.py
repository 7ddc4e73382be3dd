"""A plan that is right, for tests to change."""

from sim.replay.parse import parse_plan
from sim.replay.plan import ReplayPlan

GOOD = """\
version: 1
name: night
target: http://127.0.0.1:8080/v2/models/m/infer
metrics: http://127.0.0.1:9090/metrics
stages:
  - {name: quiet, shape: {kind: constant, rate: 10, seconds: 10}}
  - {name: peak, shape: {kind: burst, rate: 10, seconds: 10, size: 200, first: 2}, mix: {b: 1}}
classes:
  - {name: a, deadline: 100, label: [1, 44], weight: 3}
  - {name: b, deadline: 2000, label: 7}
thresholds:
  a: [p99 < 100ms, "lost == 0 in quiet"]
  all: goodput > 99.9%
faults:
  - {name: stop, at: 12, run: [kill, -STOP, "123"]}
  - {name: reload, at: 5, http: {method: PUT, url: "http://127.0.0.1:9090/v1/table", file: table.yaml}}
abort: {failed: 50, for: 5}
limits: {requests: 1000, connections: 10}
"""


def plan_of(text: str = GOOD) -> ReplayPlan:
    plan = parse_plan(text.encode(), {})
    assert isinstance(plan, ReplayPlan), plan
    return plan

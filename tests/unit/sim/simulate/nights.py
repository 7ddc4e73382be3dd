"""A small night for tests to change: one pool of known capacity behind another, two classes."""

from typing import Any

import msgspec

from sim.fleet.fleet import Fleet, Pool, ServiceTime
from sim.replay.parse import parse_plan
from sim.replay.plan import ReplayPlan
from sim.simulate.ground import Ground

TABLE = """\
version: 1
classes:
  - {name: urgent, label: [1, 44], deadline: 300}
  - {name: rest, label: [7], deadline: 1000}
applications:
  gpu: {endpoints: ["http://gpu:1"], concurrency: 8}
  cpu: {endpoints: ["http://cpu:1"], concurrency: 4}
routes:
  - {application: gpu, timeout: 500, weight: 1, priority: 0, clusterType: http, label: [1, 44, 7]}
  - {application: cpu, timeout: 500, weight: 1, priority: 1, clusterType: http, label: [1, 44, 7]}
"""
PLAN = """\
version: 1
name: small
target: http://127.0.0.1:8080/v2/models/m/infer
stages:
  - {name: quiet, shape: {kind: constant, rate: 40, seconds: 4}}
  - {name: peak, shape: {kind: constant, rate: 150, seconds: 4}}
classes:
  - {name: urgent, weight: 1, deadline: 300, label: [1, 44]}
  - {name: rest, weight: 3, deadline: 1000, label: 7}
thresholds:
  urgent: [goodput > 99%, lost == 0]
minimumSample: 1
"""
GPU = Pool(application="gpu", machines=2, slots=4, service=ServiceTime(base_s=0.05), network_s=0.0, cost=10)
CPU = Pool(application="cpu", machines=1, slots=4, service=ServiceTime(base_s=0.1), network_s=0.0, cost=1)


def plan_of(more: str = "", text: str = PLAN) -> ReplayPlan:
    plan = parse_plan((text + more).encode(), {})
    assert isinstance(plan, ReplayPlan), plan
    return plan


def ground_of(table: str = TABLE, gpu: Pool = GPU, cpu: Pool = CPU, **fields: Any) -> Ground:
    fleet = msgspec.structs.replace(Fleet(name="small", pools=(gpu, cpu), currency="CNY"), **fields)
    return Ground(table=table, fleet=fleet)

"""Whom to ask about a model."""

from proxy.routing.catalog import CATALOG, Catalog
from tests.stand_ins.tables import parsed

TEXT = """
version: 1
applications:
  any: {endpoints: "http://h:1"}
  named: {endpoints: "http://h:2", model: image}
  other: {endpoints: "http://h:3", model: text}
  resting: {endpoints: "http://h:4", model: image}
routes:
  - {application: any, timeout: 100, weight: 5, priority: 0, clusterType: http, label: 1}
  - {application: named, timeout: 100, weight: 5, priority: 3, clusterType: hsf, label: 1}
  - {application: named, timeout: 100, weight: 5, priority: 4, clusterType: http, label: 1}
  - {application: other, timeout: 100, weight: 5, priority: 0, clusterType: http, label: 1}
  - {application: resting, timeout: 100, weight: 0, priority: 0, clusterType: http, label: 1}
"""


def test_the_applications_that_name_the_model_are_asked_first_and_then_those_that_take_any() -> None:
    """Each once, on its first row; those of other models and those of weight 0 are left in peace."""
    plan = Catalog(parsed(TEXT)).plan("image")
    assert plan.qos is CATALOG
    asked = [(tier.priority, tier.rows[0].application, tier.rows[0].cluster_type) for tier in plan.tiers]
    assert asked == [(0, "named", "hsf"), (1, "any", "http")]
    assert all(len(tier.rows) == 1 and tier.rows[0].weight == 1 for tier in plan.tiers)


def test_a_model_that_nobody_names_is_asked_of_those_that_take_any() -> None:
    """They may well know it."""
    plan = Catalog(parsed(TEXT)).plan("unheard-of")
    assert [tier.rows[0].application for tier in plan.tiers] == ["any"]

"""Look-up: what labels select, whatever the number of rows, and what is remembered of it."""

import hashlib

import pytest

from proxy.routing import table as table_module
from proxy.routing.table import ANY, Application, Plan, QosClass, Row, Table


def row(number: int, application: str, *labels: str, priority: int = 0, weight: float = 1) -> Row:
    return Row(
        number=number,
        application=application,
        timeout_s=0.1,
        weight=weight,
        priority=priority,
        cluster_type="http",
        labels=frozenset(labels),
    )


def table_of(*rows: Row, classes: tuple[QosClass, ...] = ()) -> Table:
    names = {each.application for each in rows}
    return Table(
        rows=rows,
        applications={name: Application(id=name, endpoints=("http://h:1",)) for name in names},
        classes=classes,
        source=b"text",
    )


def shape(plan: Plan) -> list[tuple[int, list[int]]]:
    return [(tier.priority, [each.number for each in tier.rows]) for tier in plan.tiers]


def test_tiers_ascend_and_rows_stand_in_table_order() -> None:
    """Order within a tier decides nothing but must be stable, for tests and for explain."""
    table = table_of(
        row(1, "a", "x", priority=5), row(2, "b", "x", "y", priority=-1), row(3, "c", "y", priority=5)
    )
    assert shape(table.plan(("y", "x"), drained=False)) == [(-1, [2]), (5, [1, 3])]
    assert shape(table.plan(("x",), drained=False)) == [(-1, [2]), (5, [1])]


def test_a_row_that_shares_two_labels_stands_in_its_tier_once() -> None:
    """Else its weight would count twice."""
    table = table_of(row(1, "a", "x", "y"))
    assert shape(table.plan(("x", "y"), drained=False)) == [(0, [1])]


def test_a_starred_row_matches_every_request() -> None:
    """Unlabelled ones too."""
    table = table_of(row(1, "a", "x"), row(2, "b", ANY, priority=9))
    assert shape(table.plan((), drained=False)) == [(9, [2])]
    assert shape(table.plan(("unheard-of",), drained=False)) == [(9, [2])]
    assert shape(table.plan(("x",), drained=False)) == [(0, [1]), (9, [2])]


def test_no_matching_row_means_no_tiers() -> None:
    """The pipeline answers 404."""
    assert table_of(row(1, "a", "x")).plan(("y",), drained=False).tiers == ()


def test_a_row_of_weight_0_stays_in_its_tier() -> None:
    """The chain passes it over and says why; the table does not hide it."""
    table = table_of(row(1, "a", "x", weight=0))
    assert shape(table.plan(("x",), drained=False)) == [(0, [1])]


def test_the_first_class_that_shares_a_label_wins() -> None:
    """Classes stand in order of importance; their labels may overlap."""
    classes = (
        QosClass(name="first", rank=0, labels=frozenset({"1", "2"}), deadline_s=0.1),
        QosClass(name="second", rank=1, labels=frozenset({"2", "3"})),
    )
    table = table_of(row(1, "a", ANY), classes=classes)
    assert table.plan(("3", "2"), drained=False).qos.name == "first"
    assert table.plan(("3",), drained=False).qos.name == "second"
    assert table.plan(("4",), drained=False).qos.name == "default"
    assert [qos.name for qos in table.classes] == ["first", "second", "default"]
    assert [qos.rank for qos in table.classes] == [0, 1, 2]


def test_a_class_label_that_no_row_names_still_decides_the_class() -> None:
    """A starred row serves it, and its deadline holds."""
    vip = QosClass(name="vip", rank=0, labels=frozenset({"vip"}))
    table = table_of(row(1, "a", ANY), classes=(vip,))
    assert table.plan(("vip",), drained=False).qos is vip


def test_a_drained_request_is_of_the_least_critical_class_and_goes_the_same_way() -> None:
    """Work from the offline queue must not compete with live traffic by its labels' class."""
    classes = (QosClass(name="first", rank=0, labels=frozenset({"1"}), deadline_s=0.1),)
    table = table_of(row(1, "a", "1"), classes=classes)
    live, drained = table.plan(("1",), drained=False), table.plan(("1",), drained=True)
    assert drained.qos is Table.OFFLINE
    assert drained.qos.deadline_s is None
    assert drained.qos.rank > max(qos.rank for qos in table.classes)
    assert drained.tiers == live.tiers


def test_the_digest_is_that_of_the_source() -> None:
    """The ETag of the admin side."""
    table = table_of(row(1, "a", "1"))
    assert table.source == b"text"
    assert table.digest == hashlib.sha256(b"text").hexdigest()


def test_applications_cannot_be_changed() -> None:
    """A table in force is never edited: it is replaced."""
    table = table_of(row(1, "a", "1"))
    with pytest.raises(TypeError):
        table.applications["b"] = table.applications["a"]  # type: ignore[index]


def test_plans_are_remembered_by_the_labels_that_matter() -> None:
    """A label that no row and no class names, one per user say, must not fill the memory."""
    table = table_of(row(1, "a", "1"), row(2, "b", "2"))
    plan = table.plan(("1", "2", "user-17"), drained=False)
    assert table.plan(("2", "user-18", "1"), drained=False) is plan
    assert table.plan(("1",), drained=False) is not plan
    assert len(table._plans) == 2


def test_the_memory_of_plans_is_bounded_by_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """2**n label sets exist; memory does not."""
    monkeypatch.setattr(table_module, "PLANS_HELD_MAX", 3)
    table = table_of(*(row(number, "a", str(number)) for number in range(10)))
    for number in range(10):
        assert shape(table.plan((str(number),), drained=False)) == [(0, [number])]
        assert len(table._plans) <= 3


def test_labels_that_nothing_names_do_not_fill_the_memory_either(monkeypatch: pytest.MonkeyPatch) -> None:
    """They come to the same plan, but each in a label set of its own: one per user, say."""
    monkeypatch.setattr(table_module, "PLANS_HELD_MAX", 3)
    table = table_of(row(1, "a", "1"))
    plan = table.plan(("1",), drained=False)
    for number in range(10):
        assert table.plan(("1", f"user-{number}"), drained=False) is plan
        assert table.plan(("1", f"user-{number}"), drained=False) is plan
        assert len(table._seen) <= 3


def test_the_memory_of_plans_is_bounded_by_the_rows_they_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few plans over many rows weigh as much as many plans over a few."""
    monkeypatch.setattr(table_module, "PLAN_ROWS_HELD_MAX", 10)
    table = table_of(*(row(number, "a", str(number), "all") for number in range(4)))
    for number in range(4):
        plan = table.plan(("all", str(number)), drained=True)
        assert len(plan.tiers[0].rows) == 4
        assert sum(len(each.tiers[0].rows) for each in table._plans.values()) <= 10
    assert table.plan(("all",), drained=True).tiers == plan.tiers


def test_look_up_touches_only_the_rows_that_match() -> None:
    """10,000 rows cost a request no more than six: counted, not timed."""

    class Counting(dict[str, tuple[int, ...]]):
        looked_up = 0

        def get(self, key: str, default: tuple[int, ...] = ()) -> tuple[int, ...]:  # type: ignore[override]
            Counting.looked_up += 1
            return super().get(key, default)

    table = table_of(*(row(number, "a", str(number)) for number in range(10_000)))
    table._rows_by_label = Counting(table._rows_by_label)
    assert shape(table.plan(("77", "nobody"), drained=False)) == [(0, [77])]
    assert Counting.looked_up == 2  # "*" and "77"

"""From text to a table: what is taken, and how."""

from proxy.routing.parse import parse_table
from proxy.routing.table import Application, BreakerLimits, LabelerSpec, Row, Table
from tests.stand_ins.tables import MINIMAL, ROUTE, parsed, with_application, with_route

WHOLE = """
version: 1
labelers:
  - {use: json-field, path: parameters.label}
  - {use: "my.module:scene", default: "1,44", budget: 5, map: {1: [7], x: ${WORD}}}
classes:
  - {name: bottom-line, label: [1, 44], deadline: 100}
  - {name: experience, label: "7, 1125"}
applications:
  1:
    endpoints: ["http://h:1/", "http://[::1]:2/prefix/"]
    model: image-risk
    concurrency: 64
    rate: 0.5
    burst: 3
    headers: {Authorization: "Bearer ${TOKEN}"}
    breaker: {consecutive: 3, ratio: 0.25, calls: 7, window: 2000, rest: 500, restMax: 4000}
  spare: {endpoints: "http://h:3"}
routes:
  - {application: 1, timeout: 100, weight: 10, priority: 0, clusterType: http, label: "1,44,1125"}
  - application: spare
    timeout: 0.5
    weight: 0
    priority: -3
    clusterType: hsf
    label: ["*"]
""".replace("${WORD}", "'${WORD}'")


def whole() -> Table:
    return parsed(WHOLE, {"TOKEN": "hunter2 ", "WORD": "17"})


def test_rows_are_read_in_order_with_their_numbers_and_lines() -> None:
    """Times in seconds, labels as text."""
    assert whole().rows == (
        Row(
            number=1,
            application="1",
            timeout_s=0.1,
            weight=10,
            priority=0,
            cluster_type="http",
            labels=frozenset({"1", "44", "1125"}),
            line=20,
        ),
        Row(
            number=2,
            application="spare",
            timeout_s=0.0005,
            weight=0,
            priority=-3,
            cluster_type="hsf",
            labels=frozenset({"*"}),
            line=21,
        ),
    )


def test_applications_are_read_with_all_their_limits() -> None:
    """Slashes at the end are dropped, secrets filled in, times in seconds."""
    assert whole().applications["1"] == Application(
        id="1",
        endpoints=("http://h:1", "http://[::1]:2/prefix"),
        model="image-risk",
        concurrency=64,
        rate=0.5,
        burst=3,
        headers=((b"Authorization", b"Bearer hunter2"),),
        breaker=BreakerLimits(consecutive=3, ratio=0.25, calls_min=7, window_s=2, rest_s=0.5, rest_max_s=4),
        line=10,
    )


def test_what_an_application_leaves_out_has_its_default() -> None:
    """One endpoint is enough."""
    assert whole().applications["spare"] == Application(id="spare", endpoints=("http://h:3",), line=18)


def test_a_breaker_that_rests_longer_than_the_default_bound_raises_the_bound() -> None:
    """Whoever states a first rest of 20 s need not know of restMax."""
    breaker = parsed(with_application("breaker: {rest: 20000}")).applications["1"].breaker
    assert (breaker.rest_s, breaker.rest_max_s) == (20, 20)
    assert parsed(with_application("breaker: {rest: 200}")).applications["1"].breaker.rest_max_s == 8


def test_labelers_keep_their_order_and_their_options() -> None:
    """Options are the labeler's own business; their keys are text."""
    assert whole().labelers == (
        LabelerSpec(use="json-field", options={"path": "parameters.label"}, line=4),
        LabelerSpec(
            use="my.module:scene",
            options={"map": {"1": [7], "x": "17"}},
            default=("1", "44"),
            budget_s=0.005,
            line=5,
        ),
    )


def test_classes_rank_by_their_order_with_the_default_class_last() -> None:
    """Rank 0 is the most critical."""
    first, second, last = whole().classes
    assert (first.name, first.rank, first.labels, first.deadline_s) == ("bottom-line", 0, {"1", "44"}, 0.1)
    assert (second.name, second.rank, second.labels, second.deadline_s) == (
        "experience",
        1,
        {"7", "1125"},
        None,
    )
    assert (last.name, last.rank, last.labels, last.deadline_s) == ("default", 2, frozenset(), None)


def test_the_source_is_kept_as_it_was_written() -> None:
    """The admin side shows it: with the variables, without what they stand for."""
    assert whole().source == WHOLE.encode()
    assert b"hunter2" not in whole().source


def test_text_and_bytes_are_the_same_table() -> None:
    """Files are bytes, tests write text."""
    assert parsed(MINIMAL).digest == parsed(MINIMAL.encode().decode()).digest
    from_bytes = parse_table(MINIMAL.encode(), {})
    assert isinstance(from_bytes, Table)
    assert from_bytes.rows == parsed(MINIMAL).rows


def test_a_tier_of_weight_0_throughout_is_allowed() -> None:
    """It is how a tier is taken out of service; the chain passes it over."""
    assert parsed(with_route(weight="0")).rows[0].weight == 0


def test_labels_are_taken_in_every_form() -> None:
    """The founding document writes comma strings; programs write lists."""
    for written in (
        '"1,44"',
        "[1, 44]",
        '["1", "44"]',
        '" 44 ,1 "',
        '"1,44,1"',
        "'${BOTH}'",
        '["1", "${FORTYFOUR}"]',
    ):
        table = parsed(with_route(label=written), {"BOTH": "1,44", "FORTYFOUR": "44"})
        assert table.rows[0].labels == {"1", "44"}, written
    assert parsed(with_route(label="7")).rows[0].labels == {"7"}
    assert parsed(with_route(label="'*'")).rows[0].labels == {"*"}
    assert parsed(with_route(label="ad:scene/1@x+y-z.w_v")).rows[0].labels == {"ad:scene/1@x+y-z.w_v"}


def test_an_alias_may_stand_for_a_row_s_parts() -> None:
    """Anchors keep long label lists in one place."""
    text = (
        'version: 1\napplications: {1: {endpoints: "http://h:1"}}\nroutes:\n'
        "  - {application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: &ads [1, 44]}\n"
        "  - {application: 1, timeout: 100, weight: 1, priority: 1, clusterType: http, label: *ads}\n"
    )
    assert [row.labels for row in parsed(text).rows] == [{"1", "44"}] * 2


def test_classes_may_share_labels_with_each_other() -> None:
    """The first wins; see the table's tests."""
    text = MINIMAL + "classes: [{name: a, label: [1, 2]}, {name: b, label: [2]}]\n"
    assert [qos.name for qos in parsed(text).classes] == ["a", "b", "default"]


def test_the_labeler_s_own_check_is_asked_with_what_will_be_built() -> None:
    """Whoever builds labelers knows their options."""
    seen = []

    def check(spec: LabelerSpec) -> str | None:
        seen.append(spec)

    parsed("version: 1\nlabelers: [{use: x, a: '${A}'}]\n" + MINIMAL[11:], {"A": "y"}, check)
    assert seen == [LabelerSpec(use="x", options={"a": "y"}, line=2)]


def test_two_applications_may_be_rows_of_one_label_and_priority_by_other_kinds() -> None:
    """Only exact repetition is refused: same application, priority, kind and labels."""
    rows = (
        "  - {application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: 7}\n"
        "  - {application: 1, timeout: 100, weight: 1, priority: 0, clusterType: hsf, label: 7}\n"
        "  - {application: 1, timeout: 100, weight: 1, priority: 1, clusterType: http, label: 7}\n"
        "  - {application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: [7, 8]}\n"
    )
    assert len(parsed(MINIMAL.replace(ROUTE, "routes:\n" + rows)).rows) == 4


def test_ten_thousand_rows_are_read() -> None:
    """The size that operators have."""
    row = "  - {{application: 1, timeout: 100, weight: 1, priority: 0, clusterType: http, label: {}}}\n"
    text = MINIMAL.replace(ROUTE, "routes:\n" + "".join(row.format(number) for number in range(10_000)))
    table = parsed(text)
    assert len(table.rows) == 10_000
    assert table.plan(("9999",), drained=False).tiers[0].rows[0].line == 3 + 10_000

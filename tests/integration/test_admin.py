"""The admin side: probes, metrics, the table, explanations, applications, the queue."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.admin.operations import Operations
from proxy.clock import LiveClock
from sim.stubs.behaviours import Status
from sim.stubs.server import StubServer
from tests.integration.apps import RunningApp, running
from tests.integration.callers import Response, ask, infer, labelled
from tests.integration.test_commands import penstock

TABLE = """
version: 1
labelers:
  - {{use: json-field, path: parameters.label}}
classes:
  - {{name: urgent, label: 1, deadline: 5000}}
applications:
  a: {{endpoints: "{url}", concurrency: 7}}
routes:
  - {{application: a, timeout: 5000, weight: 1, priority: 0, clusterType: http, label: [1, 2]}}
"""


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer("stub") as stub:
        yield stub


@pytest.fixture
async def app(stub: StubServer, tmp_path: Path) -> AsyncIterator[RunningApp]:
    table = tmp_path / "table.yaml"
    table.write_text(TABLE.format(url=stub.url))
    async with running(table, f"sqlite:///{tmp_path}/queue.db") as app:
        yield app


async def metrics(app: RunningApp) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    page = (await app.admin("/metrics")).body.decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


async def post(app: RunningApp, path: str, body: bytes) -> Response:
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return await ask(app.admin_port, head + body)


async def test_every_promised_metric_is_there_and_counts(app: RunningApp, stub: StubServer) -> None:
    """Dashboards and alerts are built on these names."""
    await ask(app.port, infer(labelled(1)))
    await ask(app.port, infer(labelled(2)))
    stub.behave(Status(code=500))
    await ask(app.port, infer(labelled(2)))
    await ask(app.port, b"rubbish\r\n\r\n")
    seen = await metrics(app)

    def value(name: str, **labels: str) -> float:
        return seen[name, tuple(sorted(labels.items()))]

    assert value("penstock_requests_total", **{"class": "urgent"}, tier="0", outcome="served") == 1
    assert value("penstock_requests_total", **{"class": "default"}, tier="0", outcome="served") == 1
    assert value("penstock_requests_total", **{"class": "default"}, tier="", outcome="parked") == 1
    assert value("penstock_attempts_total", application="a", outcome="ok") == 2
    assert value("penstock_attempts_total", application="a", outcome="failed") >= 1
    assert value("penstock_request_seconds_count", **{"class": "urgent"}) == 1
    assert value("penstock_overhead_seconds_count") >= 3
    assert value("penstock_permits_limit", application="a") == 7
    assert value("penstock_breaker_state", application="a") == 0
    assert ("penstock_inflight", (("application", "a"),)) in seen
    assert (
        value("penstock_queue_depth", status="queued") + value("penstock_queue_depth", status="running") == 1
    )
    assert value("penstock_table_generation") == 1
    assert value("penstock_tickets_total", result="accepted") == 1
    assert value("penstock_faults_total", status="400") == 1
    assert value("penstock_labeler_events_total", labeler="json-field", kind="ok") >= 3


async def test_probes_say_that_it_lives_and_is_ready(app: RunningApp) -> None:
    """For whoever restarts it and whoever sends it traffic."""
    assert (await app.admin("/livez")).status == 200
    ready = await app.admin("/readyz")
    assert (ready.status, ready.json["ready"], ready.json["table"]["generation"]) == (200, True, 1)


async def test_the_table_in_service_is_shown_as_it_was_written(app: RunningApp, stub: StubServer) -> None:
    """With an ETag, and its generation."""
    shown = await app.admin("/v1/table")
    assert shown.body.decode() == TABLE.format(url=stub.url)
    assert shown.headers["penstock-table"] == "1"
    assert len(shown.headers["etag"]) == 66


async def test_a_table_can_be_validated_without_serving_it(app: RunningApp, stub: StubServer) -> None:
    """422 with all problems; nothing changes."""
    good = await post(app, "/v1/table/validate", TABLE.format(url=stub.url).encode())
    assert (good.status, good.json) == (200, {"valid": True, "problems": []})
    bad = await post(app, "/v1/table/validate", b"version: 2\nrowtes: []\n")
    assert (bad.status, bad.json["valid"]) == (422, False)
    assert len(bad.json["problems"]) >= 2
    assert (await app.admin("/readyz")).json["table"]["last_reload_ok"]


async def test_a_reload_can_be_asked_for(app: RunningApp, stub: StubServer, tmp_path: Path) -> None:
    """Where nobody can send a signal, and in a drill: the answer says how it ended."""
    again = await app.admin("/v1/table/reload", "POST")
    assert (again.status, again.json["reload"], again.json["generation"]) == (200, "accepted", 2)
    (tmp_path / "table.yaml").write_text("version: 2\n")
    bad = await app.admin("/v1/table/reload", "POST")
    assert (bad.status, bad.json["reload"], bad.json["generation"]) == (422, "refused", 2)
    assert any("version" in line for line in bad.json["problems"])
    assert (await app.admin("/v1/table")).body.decode() == TABLE.format(url=stub.url), "it serves on"


async def test_explain_gives_live_reasons(app: RunningApp) -> None:
    """What would happen now: with drained applications and open breakers."""
    free = (await post(app, "/v1/explain", b'{"labels": [2]}')).json["tiers"][0]["rows"][0]
    assert (free["share"], free["out"]) == (1.0, None)
    await app.admin("/v1/applications/a/drain", "POST")
    drained = (await post(app, "/v1/explain", b'{"labels": [2]}')).json["tiers"][0]["rows"][0]
    assert (drained["share"], drained["out"]) == (0.0, "drained")


async def test_the_command_explains_what_a_running_proxy_does_now(app: RunningApp, tmp_path: Path) -> None:
    """An operator sees shares and reasons as they are, not as the table has them."""
    await app.admin("/v1/applications/a/drain", "POST")
    asked = ("explain", str(tmp_path / "table.yaml"), "--label", "2", "--live", f"127.0.0.1:{app.admin_port}")
    assert "drained" in (await penstock(*asked)).out
    told = (await post(app, "/v1/explain", b'{"labels": [2]}')).json
    assert msgspec.json.decode((await penstock(*asked, "--json")).out) == told
    assert msgspec.json.decode((await penstock(asked[0], *asked[2:], "--json")).out) == told, "no table"
    assert "which TABLE?" in (await penstock("explain", "--label", "2")).err
    elsewhere = await penstock(*asked[:-1], f"127.0.0.1:{app.port}")
    assert (elsewhere.code, "404" in elsewhere.err) == (1, True)
    nowhere = await penstock(*asked[:-1], "127.0.0.1:1")
    assert (nowhere.code, "no proxy explains itself at 127.0.0.1:1" in nowhere.err) == (1, True)


async def test_an_application_that_was_ill_is_explained_with_its_part(app: RunningApp) -> None:
    """Its weight comes back over ten seconds: `share` says what callers meet meanwhile."""
    gate = app.app.reloader._pipeline.snapshot.gates["a"]
    gate.ramp.restart(LiveClock().now())
    row = (await post(app, "/v1/explain", b'{"labels": [2]}')).json["tiers"][0]["rows"][0]
    assert 0.1 <= row["ramp"] < 1.0
    assert row["share"] == 1.0, "it is alone in its tier"


async def test_explain_takes_labels_as_a_table_writes_them(app: RunningApp) -> None:
    """A comma string is not a list of its characters."""
    for labels in (b"2", b'"2"', b'"1,2"', b"[1, 2]", b'["1", 2, 2]'):
        said = (await post(app, "/v1/explain", b'{"labels": %b}' % labels)).json
        assert said["labels"] in (["2"], ["1", "2"])


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"[]", b"\xff", b"null", b'{"labels": {}}', b'{"labels": null}'),
        *(b'{"labels": [true]}', b'{"labels": [1.5]}', b'{"labels": ["a b"]}', b'{"labels": "1,,2"}'),
    ],
)
async def test_a_question_to_explain_that_makes_no_sense_is_400(app: RunningApp, body: bytes) -> None:
    """With the form that does."""
    answer = await post(app, "/v1/explain", body)
    assert (answer.status, "labels" in answer.json["error"]) == (400, True)


async def test_applications_are_shown_with_their_limits_and_their_state_in_words(
    app: RunningApp, stub: StubServer
) -> None:
    """Nobody knows by heart what breaker 2 is."""
    (shown,) = (await app.admin("/v1/applications")).json["applications"]
    assert shown == {
        "id": "a",
        "endpoints": [stub.url],
        "in_flight": 0,
        "permits_limit": 7,
        "breaker": "admitting",
        "drained": False,
        "departed": 0,
        "endpoints_down": 0,
        "down": [],
    }
    stub.behave(Status(code=500))
    for _ in range(10):
        await ask(app.port, infer(labelled(1)))
    (shown,) = (await app.admin("/v1/applications")).json["applications"]
    assert shown["breaker"] == "rejecting"


async def test_what_is_not_there_is_404_in_the_same_form(app: RunningApp) -> None:
    """`{"error": ...}`, always."""
    for path in ("/nowhere", "/v1/applications/none"):
        answer = await app.admin(path)
        assert (answer.status, "error" in answer.json) == (404, True)
    assert "/v1/applications/{id}/drain" in (await app.admin("/nowhere")).json["error"]
    assert (await app.admin("/v1/applications/none/drain", "POST")).status == 404
    refused = await app.admin("/v1/table", "DELETE")
    assert (refused.status, refused.json["error"].endswith("; use GET")) == (405, True)


async def test_a_bug_behind_the_admin_side_is_logged_and_answered_in_the_same_form(
    app: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator's tool reads JSON, and the log must say what happened."""
    monkeypatch.setattr(Operations, "readiness", lambda _: 1 / 0)
    answer = await app.admin("/readyz")
    assert (answer.status, answer.json) == (500, {"error": "internal error"})
    assert app.log.named("admin_request_broke")[0]["path"] == "/readyz"


async def test_the_queue_shows_depth_and_age(app: RunningApp, stub: StubServer) -> None:
    """What an operator asks first."""
    stub.behave(Status(code=500))
    await ask(app.port, infer(labelled(2)))
    queue = (await app.admin("/v1/queue")).json
    assert queue["counts"]["queued"] + queue["counts"]["running"] == 1
    assert queue["stored_bytes"] > 0
    assert queue["oldest_pending_s"] >= 0

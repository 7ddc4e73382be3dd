"""The guard before the body, over real sockets: in distress the less critical are answered by their heads."""

import asyncio
from pathlib import Path

import pytest

from proxy.qos.guard import ALL_SERVED
from sim.stubs.server import StubServer
from tests.integration.apps import running
from tests.integration.callers import ask, infer

TABLE = """
version: 1
labelers: [LABELERS]
classes:
  - {name: urgent, label: [urgent], deadline: 20000}
applications:
  only: {endpoints: ONE}
routes:
  - {application: only, timeout: 10000, weight: 1, priority: 0, clusterType: http, label: [urgent, other]}
"""
BY_HEADER = "{use: header, name: X-Scene}"
BY_BODY = BY_HEADER + ", {use: json-field, path: parameters.label}"
LENGTH = 200_000


async def begin(port: int, scene: str) -> tuple[bytes, bytes]:
    """Send a head alone, and the body only where nobody answered; the head of the answer, and the rest."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fields = f"Content-Length: {LENGTH}\r\nX-Scene: {scene}\r\nX-Request-Id: me\r\n\r\n"
    writer.write(f"POST /v2/models/m/infer HTTP/1.1\r\nHost: penstock\r\n{fields}".encode())
    try:
        async with asyncio.timeout(20.0):
            head = await reader.readuntil(b"\r\n\r\n")
            return head, await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_in_distress_the_less_critical_are_answered_before_their_bodies_come(tmp_path: Path) -> None:
    """The top class is served as ever; what is turned away is counted by its class."""
    async with StubServer("one") as stub:
        table = tmp_path / "table.yaml"
        table.write_text(TABLE.replace("LABELERS", BY_HEADER).replace("ONE", stub.url))
        async with running(table) as app:
            pipeline = app.app._engine.pipeline
            assert pipeline.turned_away_from == ALL_SERVED
            pipeline.turned_away_from = 1
            head, body = await begin(app.port, "other")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 1\r\n" in head
            assert b"\r\nX-Request-Id: me\r\n" in head
            assert b"turns requests of class 'default' away" in body
            response = await ask(app.port, infer(b"x" * LENGTH, "X-Scene: urgent"))
            assert (response.status, stub.received) == (200, 1)
            page = (await app.admin("/metrics")).body.decode()
            assert 'penstock_requests_total{class="default",outcome="exhausted",tier=""} 1.0' in page
            assert 'penstock_passed_over_total{application="*",reason="guard"} 1.0' in page


@pytest.mark.parametrize("scene", ["other", "urgent"])
async def test_where_a_labeler_wants_the_body_it_is_waited_for(scene: str, tmp_path: Path) -> None:
    """Only with it the class is known."""
    async with StubServer("one") as stub:
        table = tmp_path / "table.yaml"
        table.write_text(TABLE.replace("LABELERS", BY_BODY).replace("ONE", stub.url))
        async with running(table) as app:
            app.app._engine.pipeline.turned_away_from = 1
            body = b'{"parameters": {"label": "%b"}}' % scene.encode() + b" " * LENGTH
            response = await ask(app.port, infer(body, "X-Scene: other"))
            assert response.status == (503 if scene == "other" else 200)

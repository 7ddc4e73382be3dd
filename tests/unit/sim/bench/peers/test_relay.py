"""The relay that stands for what a service would write for itself."""

import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer

from sim.bench.peers.relay import JSON_LENGTH, Cluster, Config, Relay


@contextlib.asynccontextmanager
async def upstream(name: str, status: int, seen: list[bytes]) -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.Response:
        seen.append(await request.read())
        return web.json_response({"model_name": name}, status=status)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("")).rstrip("/")


@contextlib.asynccontextmanager
async def relay(tiers: list[list[Cluster]]) -> AsyncIterator[TestClient]:
    config = Config(port=0, tls_port=0, chain="", key="", timeout_s=5.0, routes={"7": tiers})
    async with ClientSession() as session:
        app = web.Application()
        app.router.add_post("/{path:.*}", Relay(config, session).handle)
        async with TestClient(TestServer(app, host="127.0.0.1")) as client:
            yield client


BODY = json.dumps({"parameters": {"label": 7}}).encode()


async def test_it_draws_within_a_tier_by_weight() -> None:
    """A weight of 0 is never drawn, a sole one always."""
    seen: list[bytes] = []
    async with (
        upstream("a", 200, seen) as a,
        upstream("b", 200, []) as b,
        relay([[Cluster(a, 1), Cluster(b, 0)]]) as client,
    ):
        found = Counter()
        for _ in range(20):
            found[(await (await client.post("/v2", data=BODY)).json())["model_name"]] += 1
    assert found == {"a": 20}
    assert set(seen) == {BODY}


@pytest.mark.parametrize(("status", "answerer"), [(503, "c"), (429, "c"), (400, "a")])
async def test_what_fails_goes_to_the_next_tier_and_the_callers_own_errors_go_back(status, answerer) -> None:
    """The same rule as Penstock's."""
    async with (
        upstream("a", status, []) as a,
        upstream("c", 200, []) as c,
        relay([[Cluster(a, 1)], [Cluster(c, 1)]]) as client,
    ):
        answer = await client.post("/v2", data=BODY)
        assert (await answer.json())["model_name"] == answerer


async def test_the_label_of_a_binary_request_is_read_from_its_json_part() -> None:
    """What follows is no JSON."""
    seen: list[bytes] = []
    async with upstream("a", 200, seen) as a, relay([[Cluster(a, 1)]]) as client:
        answer = await client.post("/v2", data=BODY + b"\xff\x00", headers={JSON_LENGTH: str(len(BODY))})
        assert answer.status == 200
    assert seen == [BODY + b"\xff\x00"]


async def test_with_no_tier_left_it_answers_503() -> None:
    """A label without a route, and a tier that nobody listens at."""
    async with relay([[Cluster("http://127.0.0.1:9", 1)]]) as client:
        assert (await client.post("/v2", data=BODY)).status == 503
        assert (await client.post("/v2", data=BODY.replace(b"7", b"8"))).status == 503

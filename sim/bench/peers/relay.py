"""The same job written in an afternoon on aiohttp's server and client, one process on uvloop.

As a peer it stands for what a service would write for itself: label from the body, weighted draw, timeout,
the next tier. It has no permits, no breaker, no metrics. `python -m sim.bench.peers.relay CONFIG` serves.
"""

import asyncio
import contextlib
import json
import random
import signal
import ssl
import sys
from importlib import metadata
from pathlib import Path

import msgspec
import uvloop
from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

from sim.bench.peers.payload import FAILING_LABEL, LABELS
from sim.bench.peers.peer import Peer, Site
from sim.bench.peers.upstream import BODY_BYTES_MAX, TIMEOUT_MS, WEIGHTS

JSON_LENGTH = "Inference-Header-Content-Length"
FALLS_THROUGH = frozenset((401, 403, 408, 429, 450))


class Cluster(msgspec.Struct, frozen=True):
    """One address of a tier."""

    url: str
    weight: float


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """What the relay is told: tiers by label."""

    port: int
    tls_port: int
    chain: str  # empty: no TLS
    key: str
    timeout_s: float
    routes: dict[str, list[list[Cluster]]]


class Relay:
    """Relays requests; `session` is its client."""

    def __init__(self, config: Config, session: ClientSession) -> None:
        self._routes = config.routes
        self._session = session
        self._timeout = ClientTimeout(total=config.timeout_s)

    async def handle(self, request: web.Request) -> web.Response:
        """Label, draw, call; the next tier on failure; 503 when none is left."""
        body = await request.read()
        head = body[: int(request.headers[JSON_LENGTH])] if JSON_LENGTH in request.headers else body
        label = str(json.loads(head)["parameters"]["label"])
        fields = {
            name: request.headers[name] for name in ("Content-Type", JSON_LENGTH) if name in request.headers
        }
        for tier in self._routes.get(label, ()):
            cluster = random.choices(tier, [each.weight for each in tier])[0]
            with contextlib.suppress(ClientError, TimeoutError):
                async with self._session.post(
                    cluster.url + request.path, data=body, headers=fields, timeout=self._timeout
                ) as answer:
                    content = await answer.read()
                    if answer.status < 500 and answer.status not in FALLS_THROUGH:
                        return web.Response(
                            status=answer.status, body=content, content_type=answer.content_type
                        )
        return web.json_response({"error": "no cluster answered"}, status=503)


async def serve(config: Config) -> None:
    """Until SIGTERM."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    async with ClientSession(connector=TCPConnector(limit=0, keepalive_timeout=3600)) as session:
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/{path:.*}", Relay(config, session).handle)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=3600)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", config.port, backlog=4096).start()
        if config.chain:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(config.chain, config.key)
            await web.TCPSite(runner, "127.0.0.1", config.tls_port, ssl_context=context, backlog=4096).start()
        await over.wait()
        await runner.cleanup()


def command(program: str, site: Site) -> list[str]:
    """One process."""
    tier0 = [
        Cluster(f"http://127.0.0.1:{site.upstreams.port(name)}", weight) for name, weight in WEIGHTS.items()
    ]
    tiers = [tier0, [Cluster(f"http://127.0.0.1:{site.upstreams.c}", 1)]]
    config = Config(
        port=site.port,
        tls_port=site.tls_port,
        chain="" if site.certificate is None else str(site.certificate.chain),
        key="" if site.certificate is None else str(site.certificate.key),
        timeout_s=TIMEOUT_MS / 1000,
        routes={str(label): tiers for label in (*LABELS, FAILING_LABEL)},
    )
    file = site.folder / "relay.json"
    file.write_bytes(msgspec.json.encode(config))
    return [program, "-m", "sim.bench.peers.relay", str(file)]


RELAY = Peer(
    name="aiohttp-relay",
    does="label from the body, weights, 100 ms timeout, body kept, the next tier on errors and timeouts, TLS",
    lacks="no permits, no breaker, no metrics, no request-wide deadline, no ticket",
    install="pip install aiohttp uvloop",
    find=lambda: sys.executable,
    version=lambda _: f"{metadata.version('aiohttp')}, uvloop {metadata.version('uvloop')}",
    command=command,
    reads_label=True,
)


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Config)))

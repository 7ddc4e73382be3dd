"""The model servers of the benchmark: one nginx process that listens on three ports and answers at once.

a and b are tier 0 (weights 10 and 50), c is tier 1. Each answers with its own letter, so that a probe sees
who answered. On the failing model's path a and b answer 503. Bodies of the large model's path are read to
their end before the answer (through nginx's mirror, which reads them): an answer that overtakes its request
would measure something else.
"""

from pathlib import Path

import msgspec

from sim.bench.peers.payload import FAILING, HEALTHY, LARGE
from sim.bench.peers.server import Server, free_ports

WEIGHTS = {"a": 10, "b": 50}
TIMEOUT_MS = 100
BODY_BYTES_MAX = 64 * 1024 * 1024
TRACES_PATH = "/v1/traces"
"""Of a collector, by OTLP over HTTP: every one of them says that it took all, and keeps nothing."""


class Upstreams(msgspec.Struct, frozen=True, kw_only=True):
    """Ports on 127.0.0.1, by letter."""

    a: int
    b: int
    c: int

    def port(self, letter: str) -> int:
        """The port of one."""
        return int(getattr(self, letter))


def nginx_command(program: str, folder: Path, name: str, body: str) -> list[str]:
    """One nginx process without a master, all that it writes kept in `folder`; `body` is its http block's."""
    temporary = "\n".join(
        f"  {kind}_temp_path {folder}/{name}-{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / f"{name}.conf"
    config.write_text(
        f"""daemon off;
master_process off;
worker_processes 1;
pid {folder}/{name}.pid;
error_log stderr error;
events {{ worker_connections 16000; }}
http {{
  access_log off;
  log_not_found off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_max_body_size {BODY_BYTES_MAX};
  client_body_buffer_size 2m;
{temporary}
{body}
}}
"""
    )
    return [program, "-e", "stderr", "-p", str(folder), "-c", str(config)]


def start_upstreams(program: str, core: int, folder: Path) -> tuple[Server, Upstreams]:
    """Start them. Raises DidNotStart."""
    a, b, c = free_ports(3)
    body = "\n".join(_server(letter, port) for letter, port in (("a", a), ("b", b), ("c", c)))
    server = Server("upstream", nginx_command(program, folder, "upstream", body), core, folder)
    server.wait_for(c)
    return server, Upstreams(a=a, b=b, c=c)


def _server(letter: str, port: int) -> str:
    answer = f"""return 200 '{{"model_name":"{letter}","outputs":[]}}';"""
    failing = answer if letter == "c" else "return 503;"
    return f"""  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/json;
    location = /v2/models/{HEALTHY}/infer {{ {answer} }}
    location = /v2/models/{FAILING}/infer {{ {failing} }}
    location = /v2/models/{LARGE}/infer {{ mirror /read; error_page 404 =200 @answer; root /nowhere; }}
    location = /read {{ internal; return 204; }}
    location = {TRACES_PATH} {{ return 200 '{{}}'; }}
    location @answer {{ {answer} }}
  }}"""

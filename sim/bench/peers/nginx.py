"""nginx as a peer: an upstream block per tier; what fails in one goes to the next by `error_page`."""

import shutil

from sim.bench.peers.peer import Peer, Site, told_version
from sim.bench.peers.upstream import TIMEOUT_MS, WEIGHTS, nginx_command

IDLE_UPSTREAM_CONNECTIONS_MAX = 512


def command(program: str, site: Site) -> list[str]:
    """One process. Bodies are held in memory whole, so that the next tier can have them."""
    ports = site.upstreams
    weighted = " ".join(
        f"server 127.0.0.1:{ports.port(letter)} weight={weight} max_fails=0;"
        for letter, weight in WEIGHTS.items()
    )
    keep = (
        f"keepalive {IDLE_UPSTREAM_CONNECTIONS_MAX}; keepalive_requests 1000000000; keepalive_timeout 3600s;"
    )
    body = f"""  upstream tier0 {{ {weighted} {keep} }}
  upstream tier1 {{ server 127.0.0.1:{ports.c} max_fails=0; {keep} }}
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $host;
  proxy_next_upstream off;
  proxy_intercept_errors on;
  proxy_connect_timeout {TIMEOUT_MS}ms;
  proxy_send_timeout {TIMEOUT_MS}ms;
  proxy_read_timeout {TIMEOUT_MS}ms;
  server {{
    listen 127.0.0.1:{site.port} backlog=4096;
{_tls(site)}
    location / {{ proxy_pass http://tier0; error_page 408 429 500 502 503 504 = @tier1; }}
    location @tier1 {{ proxy_pass http://tier1; }}
  }}"""
    return nginx_command(program, site.folder, "nginx", body)


def _tls(site: Site) -> str:
    if site.certificate is None:
        return ""
    return f"""    listen 127.0.0.1:{site.tls_port} ssl backlog=4096;
    ssl_certificate {site.certificate.chain};
    ssl_certificate_key {site.certificate.key};"""


NGINX = Peer(
    name="nginx",
    does="weights, 100 ms timeout, body kept for the next tier, the next tier on errors and timeouts, TLS",
    lacks="does not read the label (the path decides), no permits, no request-wide deadline, no ticket",
    install="apt-get install nginx-light",
    find=lambda: shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"),
    version=lambda program: told_version([program, "-v"], r"nginx/(\S+)"),
    command=command,
)

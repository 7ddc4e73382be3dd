"""HAProxy as a peer: a lean relay, and a variant that does as much of the job as it can.

The variant reads the label from the JSON body and looks it up in a map, counts the rate in a stick table, and
has a limit and a breaker for each server.
"""

import shutil

from sim.bench.peers.payload import FAILING, FAILING_LABEL, LABELS
from sim.bench.peers.peer import Peer, Site, told_version
from sim.bench.peers.penstock import CONCURRENCY, RATE
from sim.bench.peers.upstream import TIMEOUT_MS, WEIGHTS

CONNECTIONS_MAX = 12_000


def command(program: str, site: Site) -> list[str]:
    """One process with one thread; the path chooses the backend."""
    return _command(program, site, f"  use_backend failing if {{ path /v2/models/{FAILING}/infer }}")


def labelled_command(program: str, site: Site) -> list[str]:
    """The label in the body chooses the backend, by a map."""
    rows = [f"{label} healthy" for label in LABELS] + [f"{FAILING_LABEL} failing"]
    (site.folder / "labels.map").write_text("\n".join([*rows, ""]))
    choice = f"""  option http-buffer-request
  http-request track-sc0 int(1) table rate
  http-request deny deny_status 429 if {{ sc_http_req_rate(0,rate) gt {RATE} }}
  http-request set-var(txn.label) req.body,json_query('$.parameters.label')
  http-request set-var(txn.backend) var(txn.label),map({site.folder}/labels.map)
  http-request return status 404 unless {{ var(txn.backend) -m found }}
  use_backend %[var(txn.backend)]
backend rate
  stick-table type integer size 1 expire 10s store http_req_rate(1s)"""
    breaker = " check inter 1s observe layer7 error-limit 10 on-error mark-down"
    return _command(program, site, choice, limit=f" maxconn {CONCURRENCY}", breaker=breaker)


def _command(program: str, site: Site, choice: str, *, limit: str = "", breaker: str = "") -> list[str]:
    ports = site.upstreams
    weighted = "\n".join(
        f"  server {letter} 127.0.0.1:{ports.port(letter)} weight {weight}{limit}{breaker}"
        for letter, weight in WEIGHTS.items()
    )
    config = site.folder / "haproxy.cfg"
    config.write_text(
        f"""global
  nbthread 1
  maxconn {CONNECTIONS_MAX}
  no strict-limits
defaults
  mode http
  timeout connect {TIMEOUT_MS}ms
  timeout server {TIMEOUT_MS}ms
  timeout client 1h
  timeout http-keep-alive 1h
  option http-keep-alive
  http-reuse always
frontend in
  bind 127.0.0.1:{site.port} backlog 4096
{_tls(site)}
  default_backend healthy
{choice}
backend healthy
  balance roundrobin
  retries 1
  option redispatch 1
  retry-on conn-failure empty-response response-timeout 503
{weighted}
backend failing
  balance first
  retries 1
  option redispatch 1
  retry-on conn-failure empty-response response-timeout 503
  server a 127.0.0.1:{ports.a} maxconn {CONNECTIONS_MAX}
  server c 127.0.0.1:{ports.c} maxconn {CONNECTIONS_MAX}
"""
    )
    return [program, "-db", "-q", "-f", str(config)]


def _tls(site: Site) -> str:
    if site.certificate is None:
        return ""
    both = site.folder / "haproxy.pem"
    both.write_text(site.certificate.chain.read_text() + site.certificate.key.read_text())
    return f"  bind 127.0.0.1:{site.tls_port} ssl crt {both} backlog 4096"


def _find() -> str | None:
    return shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def _version(program: str) -> str:
    return told_version([program, "-v"], r"version (\S+)")


HAPROXY = Peer(
    name="haproxy",
    does="weights, 100 ms timeout (of silence), one retry on another server, TLS",
    lacks=(
        "does not read the label (the path decides), no tiers within a request: where the first tier fails,"
        " it has one server a tier (balance first) in place of the weights; no permits, no ticket"
    ),
    install="apt-get install haproxy",
    find=_find,
    version=_version,
    command=command,
)

HAPROXY_LABEL = Peer(
    name="haproxy+label",
    does="as haproxy, and reads the label from the body (json_query), looks it up in a map of 61, has a rate"
    " limit (stick table), 1,024 at once and a breaker (observe layer7) per server",
    lacks="no tiers within a request (as haproxy), a retry only on 503 and silence, bodies of one buffer"
    " (16 KiB) at most are sent again; no deadlines, no logs, no traces, no ticket",
    install=HAPROXY.install,
    find=_find,
    version=_version,
    command=labelled_command,
    twin=HAPROXY.name,
    reads_label=True,
    only=frozenset({"small-64", "fall-through", "open-loop"}),
)

"""Penstock as a peer: its full pipeline, by a table of 10,000 rows; and the same by one of 6."""

import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import msgspec

from sim.bench.peers.payload import FAILING_LABEL, LABELS
from sim.bench.peers.peer import Peer, Site
from sim.bench.peers.server import free_ports
from sim.bench.peers.upstream import TIMEOUT_MS, WEIGHTS, Upstreams

COMPILED = Path(__file__).parents[3] / "build" / "compiled"
"""Where `make compiled` puts the proxy with its hot path compiled."""

ROWS = 10_000
ROWS_FEW = 6
CONCURRENCY, RATE = 1024, 1_000_000
NEVER = 1_000_000_000
TRACED_PERCENT = 1

CLASSES = {  # of the labels: the first half is the more critical
    "bottom-line": (LABELS[: len(LABELS) // 2], 1.0),
    "experience": (LABELS[len(LABELS) // 2 :], 2.0),
}
"""By name: labels, and the deadline in seconds."""

DEADLINES_S = {label: deadline_s for labels, deadline_s in CLASSES.values() for label in labels}


def table(ports: Upstreams, rows: int) -> dict[str, object]:
    """A table of this many rows. In the large one every label has three rows of its own.

    The applications whose tier is to fail on every request have breakers that never open, for an open
    breaker would pass them over at no cost.
    """
    limits = {"concurrency": CONCURRENCY, "rate": RATE}
    blind = {"breaker": {"consecutive": NEVER, "calls": NEVER}}
    first = {name: _application(ports.port(name), limits) for name in WEIGHTS}
    failing = {f"failing-{name}": _application(ports.port(name), {**limits, **blind}) for name in WEIGHTS}
    routes = _three("failing-", str(FAILING_LABEL))
    if rows == ROWS_FEW:
        routes += _three("", ",".join(map(str, LABELS)))
    label = LABELS[0]
    while len(routes) < rows:
        routes += _three("", str(label))[: rows - len(routes)]
        label += 1
    return {
        "version": 1,
        "labelers": [{"use": "json-field", "path": "parameters.label"}],
        "classes": [
            {"name": name, "label": list(labels), "deadline": round(deadline_s * 1000)}
            for name, (labels, deadline_s) in CLASSES.items()
        ],
        "fallThrough": {"share": 1},  # a tier that fails on every request is what one case measures
        "applications": first | failing | {"c": _application(ports.c, limits)},
        "routes": routes,
    }


def _application(port: int, limits: Mapping[str, object]) -> dict[str, object]:
    return {"endpoints": [f"http://127.0.0.1:{port}"], **limits}


def _three(prefix: str, label: str) -> list[dict[str, object]]:
    weighted = [_row(f"{prefix}{name}", weight, 0, label) for name, weight in WEIGHTS.items()]
    return [*weighted, _row("c", 1, 1, label)]


def _row(application: str, weight: int, priority: int, label: str) -> dict[str, object]:
    return {
        "application": application,
        "timeout": TIMEOUT_MS,
        "weight": weight,
        "priority": priority,
        "clusterType": "http",
        "label": label,
    }


class Command:
    """Starts Penstock by a table of so many rows. JSON is YAML, so the table is written as JSON."""

    def __init__(self, rows: int, *, compiled: bool = False) -> None:
        self._rows = rows
        self._compiled = compiled

    def __call__(self, program: str, site: Site) -> list[str]:
        file = site.folder / f"table-{self._rows}.yaml"
        file.write_bytes(msgspec.json.encode(table(site.upstreams, self._rows)))
        (admin,) = free_ports(1)
        addresses = ["--listen", f"127.0.0.1:{site.port}", "--admin", f"127.0.0.1:{admin}"]
        queue = ["--queue", f"sqlite:///{_fresh(site.folder)}"]
        collector = f"http://127.0.0.1:{site.upstreams.c}"
        traces = ["--traces", collector, "--trace-ratio", str(TRACED_PERCENT / 100)]
        tls: list[str] = []
        if site.certificate is not None:
            pair = ["--tls-cert", str(site.certificate.chain), "--tls-key", str(site.certificate.key)]
            tls = [*pair, "--tls-listen", f"127.0.0.1:{site.tls_port}"]
        python = [program, "-m"]
        if self._compiled:  # -P: not the plain files of the working directory
            python = ["/usr/bin/env", f"PYTHONPATH={COMPILED}", program, "-P", "-m"]
        return [*python, "proxy.cli", "serve", str(file), *addresses, *tls, *queue, *traces]


def _fresh(folder: Path) -> Path:
    """A queue's file that no earlier round has used."""
    return folder / f"queue-{len(list(folder.glob('queue-*.db')))}.db"


def _version(_program: str) -> str:
    return f"{metadata.version('penstock')}, Python {sys.version.split()[0]}"


PENSTOCK = Peer(
    name="penstock",
    does=f"the whole job: label from the body, {ROWS:,} rows, classes with deadlines, weights, concurrency"
    " and rate permits, breakers, 100 ms timeout, body kept up to 64 MiB, the next tier on errors and"
    " timeouts, 1% traces, failures logged, metrics, durable tickets, TLS",
    install="pip install -e .",
    find=lambda: sys.executable,
    version=_version,
    command=Command(ROWS),
    reads_label=True,
)

PENSTOCK_COMPILED = Peer(
    name="penstock-compiled",
    does="as penstock, its hot path compiled by mypyc",
    install="make compiled",
    find=lambda: sys.executable if (COMPILED / "proxy").exists() else None,
    version=_version,
    command=Command(ROWS, compiled=True),
    reads_label=True,
)

PENSTOCK_FEW = Peer(
    name=f"penstock-{ROWS_FEW}-rows",
    does=f"as penstock, by a table of {ROWS_FEW} rows",
    install=PENSTOCK.install,
    find=PENSTOCK.find,
    version=_version,
    command=Command(ROWS_FEW),
    twin=PENSTOCK.name,
    reads_label=True,
    only=frozenset({"small-64"}),
)

PENSTOCK_COMPILED_FEW = Peer(
    name=f"penstock-compiled-{ROWS_FEW}-rows",
    does=f"as penstock-compiled, by a table of {ROWS_FEW} rows",
    install=PENSTOCK_COMPILED.install,
    find=PENSTOCK_COMPILED.find,
    version=_version,
    command=Command(ROWS_FEW, compiled=True),
    twin=PENSTOCK_COMPILED.name,
    reads_label=True,
    only=frozenset({"small-64"}),
)

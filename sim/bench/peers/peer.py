"""A peer: what is measured, how it is started, and what it says of itself. Each has a file of its own."""

import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from sim.bench.peers.server import Server, free_ports
from sim.bench.peers.upstream import Upstreams


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A self-signed one, made for the run."""

    chain: Path
    key: Path


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a peer is to serve and what lies behind it. `certificate` is None where none could be made."""

    port: int
    tls_port: int
    folder: Path
    upstreams: Upstreams
    certificate: Certificate | None


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One contestant. `command` writes what configuration it needs into the site's folder."""

    name: str
    does: str  # of the job, in words
    lacks: str = ""
    install: str = ""
    find: Callable[[], str | None]  # its program; None = it is not on this machine
    version: Callable[[str], str]
    command: Callable[[str, Site], list[str]] | None = None  # None: the upstream itself
    reads_label: bool = False  # from the body: a label that it does not know is then not served
    twin: str = ""  # the peer that it is compared with, and measured next to
    unable: Mapping[str, str] = {}  # cases that it cannot take part in, and why
    only: frozenset[str] | None = None  # the cases that a variant is measured in; None = all


class Running:
    """A peer that serves."""

    def __init__(self, peer: Peer, server: Server, port: int, tls_port: int) -> None:
        self.peer = peer
        self.server = server
        self.port = port
        self.tls_port = tls_port


def start(
    peer: Peer,
    program: str,
    *,
    core: int,
    folder: Path,
    upstreams: Upstreams,
    certificate: Certificate | None,
) -> Running:
    """Start it on `core`, with a folder of its own in `folder`. Raises DidNotStart."""
    assert peer.command is not None
    port, tls_port = free_ports(2)
    own = folder / peer.name
    own.mkdir(exist_ok=True)
    site = Site(port=port, tls_port=tls_port, folder=own, upstreams=upstreams, certificate=certificate)
    server = Server(peer.name, peer.command(program, site), core, own)
    server.wait_for(port)
    return Running(peer, server, port, tls_port)


def told_version(command: list[str], pattern: str) -> str:
    """The first group of `pattern` in what the command prints; 'unknown' where it is not there."""
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    found = re.search(pattern, told.stdout + told.stderr)
    return found[1] if found else "unknown"

"""The composition root: the only place that builds concrete parts and puts them together."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import msgspec
import uvloop

from proxy.admin.operations import Operations
from proxy.admin.server import AdminServer
from proxy.clock import LiveClock
from proxy.clusters.http import HttpCluster
from proxy.clusters.limits import ClientLimits
from proxy.edge.limits import EdgeLimits
from proxy.edge.server import HttpServer
from proxy.edge.service import Service
from proxy.errors import TableRefused
from proxy.loading import Loaded, load_table
from proxy.messages import Reply, Request
from proxy.observe.logs import open_log
from proxy.observe.meters import Meters
from proxy.offline.drain import Drain, DrainLimits
from proxy.offline.open import open_queue
from proxy.pipeline import Pipeline
from proxy.ports import Log
from proxy.reload import Reloader
from proxy.routing.problems import Problems
from proxy.snapshot import SnapshotBuilder
from proxy.timers import Wheel
from proxy.watchdog import Watchdog

SWEEP_S = 5.0
"""How often idle connections to model servers are looked through."""


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What `penstock serve` was told."""

    table: Path
    listen: tuple[str, int] = ("127.0.0.1", 8080)
    admin: tuple[str, int] = ("127.0.0.1", 9090)
    queue: str = "sqlite:///penstock.db"
    log_level: str = "info"
    drain_s: float = 25.0
    edge: EdgeLimits = EdgeLimits()
    client: ClientLimits = ClientLimits()

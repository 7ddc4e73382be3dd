"""`penstock check` and `penstock explain`: a table looked at on its own, without serving it."""

import os
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table as Grid

from labelers import Payload
from proxy.clock import LiveClock
from proxy.errors import ExpectationsUnmet, PayloadUnusable, TableRefused
from proxy.loading import Loaded, Loader, read_file
from proxy.observe.logs import open_log
from proxy.routing.expectations import check_expectations
from proxy.routing.explain import explain
from proxy.routing.problems import Problems
from proxy.watchdog import NoWatchdog


class PayloadFile(msgspec.Struct, frozen=True, kw_only=True):
    """A request body in a file, and the rest of the request that labelers may look at."""

    path: Path
    model: str = ""
    headers: tuple[str, ...] = ()  # 'Name: value'


def check_files(table: Path, expect: Path | None) -> str:
    """What is said of a good table. Raises TableRefused or ExpectationsUnmet with all problems."""
    loaded = _load(table)
    said = f"{table}: ok, {len(loaded.table.rows)} rows, {len(loaded.table.applications)} applications"
    if expect is None:
        return said
    try:
        text = expect.read_bytes()
    except OSError as error:
        raise ExpectationsUnmet(f"{expect}: {error.strerror}") from error
    result = check_expectations(loaded.table, text)

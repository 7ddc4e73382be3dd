"""`penstock check` and `penstock explain`: a table looked at on its own, without serving it."""

import os
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table as Grid

from labelers import Payload
from proxy.clock import LiveClock
from proxy.errors import ExpectationsUnmet, FileUnusable
from proxy.loading import Loaded, Loader, load_file
from proxy.observe.logs import open_log
from proxy.routing.expectations import check_expectations
from proxy.routing.explain import explain
from proxy.routing.problems import Problems
from proxy.watchdog import NoWatchdog, Watchdog, Watching


class PayloadFile(msgspec.Struct, frozen=True, kw_only=True):
    """A request body in a file, and the rest of the request that labelers may look at."""

    path: Path
    model: str = ""
    headers: tuple[str, ...] = ()  # 'Name: value'


def check_files(table: Path, expect: Path | None) -> str:
    """What is said of a good table. Raises TableRefused or ExpectationsUnmet with all problems."""
    loaded = _loaded(table, NoWatchdog())
    said = f"{table}: ok, {len(loaded.table.rows)} rows, {len(loaded.table.applications)} applications"
    if expect is None:
        return said
    problems = check_expectations(loaded.table, _read(expect))
    if problems:
        raise ExpectationsUnmet("\n" + "\n".join(Problems(tuple(problems)).lines(str(expect))))
    return f"{said}\n{expect}: ok, every expectation holds"


def explain_file(table: Path, labels: tuple[str, ...], payload: PayloadFile | None, *, as_json: bool) -> str:
    """Where the table sends a request with these labels, or the labels that its labelers give a payload.

    Only from the main thread: a labeler that hangs is broken off here as in the proxy.
    """
    watchdog = Watchdog()
    loaded = _loaded(table, watchdog)
    if payload is not None:
        asked = _payload(payload)
        watchdog.start()
        try:
            labels = loaded.labeling.label(asked)
        finally:
            watchdog.stop()
    explained = explain(loaded.table, labels)
    if as_json:
        return msgspec.json.format(msgspec.json.encode(explained), indent=2).decode()
    return _drawn(explained)


def _loaded(path: Path, watchdog: Watching) -> Loaded:
    log = open_log("warning")
    return load_file(Loader(environ=os.environ, clock=LiveClock(), log=log, watchdog=watchdog), path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FileUnusable(f"{path}: {error.strerror}") from error


def _payload(file: PayloadFile) -> Payload:
    fields = (each.partition(":") for each in file.headers)
    headers = tuple((name.strip().encode(), value.strip().encode()) for name, _, value in fields)
    return Payload(model=file.model, headers=headers, body=_read(file.path))


def _drawn(explained: dict[str, Any]) -> str:
    console = Console(width=120, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(_headline(explained), markup=False)
        if explained["tiers"]:
            console.print(_grid(explained["tiers"]))
        else:
            console.print("no row matches: the request is answered 404")
    return capture.get().rstrip()


def _headline(explained: dict[str, Any]) -> str:
    deadline_ms = explained["deadline_ms"]
    deadline = "no deadline" if deadline_ms is None else f"deadline {deadline_ms:g} ms"
    labels = ", ".join(explained["labels"]) or "none"
    others = f"{explained['rows_without_a_shared_label']} of {explained['rows']} rows share no label with it"
    return f"labels: {labels}\nclass:  {explained['class']}, {deadline}\nrows:   {others}"


def _grid(tiers: list[dict[str, Any]]) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    for heading in ("tier", "row", "line", "application", "clusterType", "timeout ms", "weight", "share"):
        grid.add_column(heading, justify="right")
    grid.add_column("matched")
    grid.add_column("out because")
    for tier in tiers:
        for row in tier["rows"]:
            grid.add_row(
                *(str(tier["priority"]), str(row["row"]), str(row["line"]), row["application"]),
                *(row["cluster_type"], f"{row['timeout_ms']:g}", f"{row['weight']:g}", f"{row['share']:.1%}"),
                *(", ".join(row["matched"]), row["out"] or ""),
            )
    return grid

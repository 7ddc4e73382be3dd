"""`penstock check` and `penstock explain`: a table looked at on its own, without serving it."""

import os
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table as Grid

from labelers import Payload
from proxy.clock import LiveClock
from proxy.errors import AdminUnreachable, ExpectationsUnmet, FileUnusable
from proxy.loading import Loaded, Loader, load_file
from proxy.observe.logs import open_log
from proxy.options import Address
from proxy.routing.expectations import check_expectations
from proxy.routing.explain import explain
from proxy.routing.problems import Problems
from proxy.watchdog import NoWatchdog, Watchdog, Watching

ADMIN_S_MAX = 5.0
"""How long a running proxy may take to explain itself."""


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


def explain_file(
    table: Path | None,
    labels: tuple[str, ...],
    payload: PayloadFile | None,
    *,
    live: Address | None = None,
    as_json: bool,
) -> str:
    """Where the table sends a request with these labels, or the labels that its labelers give a payload.

    With the admin side of a running proxy, where that one sends it now, by the table that it serves: then
    `table` is there for its labelers alone, and None serves with labels. Only from the main thread: a
    labeler that hangs is broken off here as in the proxy.
    """
    watchdog = Watchdog()
    loaded = None if table is None else _loaded(table, watchdog)
    if payload is not None:
        assert loaded is not None, "its labelers are wanted"
        labels = _labels_of(payload, loaded, watchdog)
    if live is not None:
        explained = _explained_by(live, labels)
    else:
        assert loaded is not None, "nobody else explains"
        explained = explain(loaded.table, labels)
    if as_json:
        return msgspec.json.format(msgspec.json.encode(explained), indent=2).decode()
    return _drawn(explained)


def _labels_of(payload: PayloadFile, loaded: Loaded, watchdog: Watchdog) -> tuple[str, ...]:
    asked = _payload(payload)
    watchdog.start()
    try:
        return loaded.labeling.label(asked)
    finally:
        watchdog.stop()


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


def _explained_by(admin: Address, labels: tuple[str, ...]) -> dict[str, Any]:
    """What a running proxy says. Raises AdminUnreachable."""
    host, port = admin
    named = f"{host}:{port}"
    connection = HTTPConnection(host, port, timeout=ADMIN_S_MAX)
    try:
        connection.request("POST", "/v1/explain", msgspec.json.encode({"labels": labels}))
        answer = connection.getresponse()
        told: dict[str, Any] = msgspec.json.decode(answer.read(), type=dict[str, Any])
    except (OSError, HTTPException, msgspec.MsgspecError) as error:
        raise AdminUnreachable(f"no proxy explains itself at {named}: {error}") from error
    finally:
        connection.close()
    if answer.status != HTTPStatus.OK:
        raise AdminUnreachable(f"{named} answers {answer.status}: {told.get('error', '')}")
    return told


def _drawn(explained: dict[str, Any]) -> str:
    console = Console(width=120, highlight=False, color_system=None)
    with console.capture() as capture:
        console.print(_headline(explained), markup=False)
        if explained["tiers"]:
            console.print(_grid(explained["tiers"], explained["processes"]))
        else:
            console.print("no row matches: the request is answered 404")
    return capture.get().rstrip()


def _headline(explained: dict[str, Any]) -> str:
    deadline_ms = explained["deadline_ms"]
    deadline = "no deadline" if deadline_ms is None else f"deadline {deadline_ms:g} ms"
    labels = ", ".join(explained["labels"]) or "none"
    others = f"{explained['rows_without_a_shared_label']} of {explained['rows']} rows share no label with it"
    return f"labels: {labels}\nclass:  {explained['class']}, {deadline}\nrows:   {others}"


def _out(row: dict[str, Any], processes: int) -> str:
    """Why a row, or some of its endpoints, are out, and where that is not so in all processes in how many."""
    some = f" (in {row['out_in']} of {processes} processes)" if row["out_in"] < processes else ""
    rows = [] if row["out"] is None else [row["out"] + some]
    return ", ".join(rows + [f"{url}: {why}" for url, why in row["endpoints_out"].items()])


def _grid(tiers: list[dict[str, Any]], processes: int) -> Grid:
    grid = Grid(box=None, pad_edge=False)
    headings = ("tier", "row", "line", "application", "clusterType", "timeout ms", "weight", "ramp", "share")
    for heading in headings:
        grid.add_column(heading, justify="right")
    grid.add_column("matched")
    grid.add_column("out because")
    for tier in tiers:
        for row in tier["rows"]:
            grid.add_row(
                *(str(tier["priority"]), str(row["row"]), str(row["line"]), row["application"]),
                *(row["cluster_type"], f"{row['timeout_ms']:g}", f"{row['weight']:g}"),
                *(
                    f"{row['ramp']:.0%}",
                    f"{row['share']:.1%}",
                    ", ".join(row["matched"]),
                    _out(row, processes),
                ),
            )
    return grid

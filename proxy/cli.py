"""The commands. Turns words into options and errors into exit codes; does nothing itself."""

import importlib
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from proxy.certificate import CertificateFiles
from proxy.edge.limits import EdgeLimits
from proxy.errors import PenstockError
from proxy.observe.tracing import CONSOLE, FILE, OFF, TraceOptions
from proxy.options import PROCESSES_MAX

_ELSEWHERE = {
    "calibrate": ("sim.calibrate.cli", "load"),
    "replay": ("sim.replay.cli", "load"),
    "report": ("sim.replay.cli", "load"),
    "worker": ("workers.command", "workers"),
}
"""Commands of other packages: their modules, and the extra that brings what they need."""


class Commands(click.Group):
    """The group of all commands; those of other packages are imported only when they are wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, extra = _ELSEWHERE[cmd_name]
        try:
            command: click.Command = getattr(importlib.import_module(module), cmd_name)
        except ModuleNotFoundError as error:
            hint = f"'penstock {cmd_name}' needs more packages: pip install 'penstock[{extra}]'"
            raise click.ClickException(f"{hint} ({error})") from error
        return command


class AddressType(click.ParamType["tuple[str, int]"]):
    """`HOST:PORT`, with an IPv6 host in brackets."""

    name = "host:port"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = str(value).rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            self.fail(f"{value!r} is not HOST:PORT", param, ctx)
        host = host.removeprefix("[").removesuffix("]")
        try:
            host.encode("idna")
        except UnicodeError as error:
            self.fail(f"{host!r} cannot be a host's name: {error}", param, ctx)
        return host, int(port)


class TracesType(click.ParamType["str"]):
    """Where traces go: `off`, `console`, `file:PATH`, or an http(s) URL."""

    name = "url|file:path|console|off"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text in (OFF, CONSOLE) or (text.startswith(FILE) and text != FILE):
            return text
        try:
            url = urlsplit(text)
            known = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            known = False
        if not known:
            self.fail(f"{text!r} is not the URL of a collector, 'file:PATH', 'console' or 'off'", param, ctx)
        return text


TABLE = click.Path(path_type=Path)
PEM = click.Path()
ADDRESS = AddressType()
TRACES = TracesType()
_EDGE = EdgeLimits()
_TRACES = TraceOptions()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(package_name="penstock")
def commands() -> None:
    """Route inference requests by label through weighted tiers; what no tier serves gets a ticket."""


@commands.command()
@click.argument("table", type=TABLE)
@click.option("--listen", type=ADDRESS, default="127.0.0.1:8080", help="The data side, HTTP.")
@click.option("--admin", type=ADDRESS, default="127.0.0.1:9090", help="Probes, metrics, operators; no login.")
@click.option("--tls-cert", type=PEM, help="Speak HTTPS at --listen, by this certificate and its chain; PEM.")
@click.option("--tls-key", type=PEM, help="Its key, without a passphrase; if not given, --tls-cert has it.")
@click.option("--tls-client-ca", type=PEM, help="Callers must have a certificate from these authorities.")
@click.option("--tls-listen", type=ADDRESS, help="Speak HTTPS here, and plain HTTP at --listen.")
@click.option("--queue", default="sqlite:///penstock.db", help="The offline queue; memory:// keeps nothing.")
@click.option("--body-bytes-max", type=click.IntRange(1), default=_EDGE.body_bytes_max, help="Larger: 413.")
@click.option(
    "--connections-max",
    type=click.IntRange(1),
    default=_EDGE.connections_max,
    help="Callers at once, in each process.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, PROCESSES_MAX),
    default=1,
    help="That serve callers, on one address (Linux). An application's limits hold for all of them together.",
)
@click.option(
    "--pin",
    is_flag=True,
    help="Each of several processes to a core of its own: where the machine serves the proxy alone.",
)
@click.option("--drain-s", type=click.FloatRange(0), default=25.0, help="For requests to end after SIGTERM.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    help="Of the log on stderr; JSON unless that is a terminal.",
)
@click.option(
    "--traces",
    type=TRACES,
    default=_TRACES.to,
    help="Of some requests: to an OTLP/HTTP collector (http://localhost:4318), a file, stderr, or nowhere.",
)
@click.option(
    "--trace-ratio",
    type=click.FloatRange(0, 1),
    default=_TRACES.ratio,
    help="Of requests without a traceparent; callers decide for theirs; what fell through is traced too.",
)
def serve(
    table: Path,
    listen: tuple[str, int],
    admin: tuple[str, int],
    tls_cert: str | None,
    tls_key: str | None,
    tls_client_ca: str | None,
    tls_listen: tuple[str, int] | None,
    queue: str,
    processes: int,
    pin: bool,
    body_bytes_max: int,
    connections_max: int,
    drain_s: float,
    log_level: str,
    traces: str,
    trace_ratio: float,
) -> None:
    """Serve TABLE. Prints 'penstock ready …' when it accepts traffic; SIGHUP reloads, SIGTERM drains."""
    from proxy.app import serve as serve_app
    from proxy.options import ServeOptions

    serve_app(
        ServeOptions(
            table=table,
            listen=listen,
            admin=admin,
            tls=_certificate_files(tls_cert, tls_key, tls_client_ca, tls_listen),
            tls_listen=tls_listen,
            queue=queue,
            processes=processes,
            pin=_checked_pin(pin, processes),
            log_level=log_level,
            drain_s=drain_s,
            edge=EdgeLimits(body_bytes_max=body_bytes_max, connections_max=connections_max),
            traces=TraceOptions(to=traces, ratio=trace_ratio),
        )
    )


def _checked_pin(pin: bool, processes: int) -> bool:
    import os

    cores = len(os.sched_getaffinity(0)) if pin else processes
    if pin and processes == 1:
        raise click.UsageError("--pin is for several processes (--processes N)")
    if processes > cores:
        raise click.UsageError(f"--pin: {processes} processes want as many cores, and there are {cores}")
    return pin


def _certificate_files(
    cert: str | None, key: str | None, client_ca: str | None, listen: tuple[str, int] | None
) -> CertificateFiles | None:
    if cert is not None:
        return CertificateFiles(chain=cert, key=cert if key is None else key, client_ca=client_ca)
    for name, value in (("key", key), ("client-ca", client_ca), ("listen", listen)):
        if value is not None:
            raise click.UsageError(f"--tls-{name} says more of --tls-cert, which is not given")
    return None


@commands.command()
@click.argument("table", type=TABLE)
@click.option("--expect", type=click.Path(path_type=Path), help="Routing expectations to hold against it.")
def check(table: Path, expect: Path | None) -> None:
    """Validate TABLE: exit 0, or 2 with every problem and its line."""
    from proxy.checking import check_files

    click.echo(check_files(table, expect))


@commands.command()
@click.argument("table", type=TABLE, required=False)
@click.option(
    "--label",
    "labels",
    multiple=True,
    help="A label of the request, or some with commas; may be given often.",
)
@click.option("--payload", type=click.Path(path_type=Path), help="A request body to run the labelers on.")
@click.option("--model", default="", help="With --payload: the model that the request names.")
@click.option("--header", "headers", multiple=True, help="With --payload: 'Name: value'.")
@click.option(
    "--live",
    type=ADDRESS,
    help="The admin side of a running proxy: what it does now, by its own table; TABLE may be left out.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(
    table: Path | None,
    labels: tuple[str, ...],
    payload: Path | None,
    model: str,
    headers: tuple[str, ...],
    live: tuple[str, int] | None,
    as_json: bool,
) -> None:
    """Show where TABLE sends a request, with what shares, and why."""
    from labelers.errors import BadYield
    from labelers.labels import labels_of
    from proxy.checking import PayloadFile, explain_file

    if bool(labels) == (payload is not None):
        raise click.UsageError("give either --label (once or more) or --payload FILE")
    if table is None and (live is None or payload is not None):
        raise click.UsageError("which TABLE? Only --label with --live can do without one")
    if any(":" not in header for header in headers):
        raise click.BadParameter("a header is written 'Name: value'", param_hint="--header")
    try:
        labels = tuple(dict.fromkeys(label for text in labels for label in labels_of(text)))
    except BadYield as error:
        raise click.BadParameter(str(error), param_hint="--label") from error
    file = None if payload is None else PayloadFile(path=payload, model=model, headers=headers)
    click.echo(explain_file(table, labels, file, live=live, as_json=as_json))


def main() -> None:
    """Run a command; what the operator can mend ends with a message and an exit code, not a traceback."""
    from proxy.offline.commands import queue_commands

    commands.add_command(queue_commands, "queue")
    try:
        commands()
    except PenstockError as error:
        click.echo(f"penstock: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()

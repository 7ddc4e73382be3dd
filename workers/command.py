"""The command `penstock worker`: reads the repository and the options, and starts the tree of processes."""

import asyncio
import importlib
import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

import click

from workers.device import Device, parse_device
from workers.entry import Entry
from workers.errors import BadRepository
from workers.fetch.limits import FetchLimits
from workers.front.options import NAME, FrontOptions
from workers.regions.limits import RegionLimits
from workers.repository import read_repository
from workers.serving import CannotListen
from workers.several.description import read_sets
from workers.surroundings import settle
from workers.tree.address import Reservation
from workers.tree.roster import prepares
from workers.tree.supervisor import Supervisor, TreeOptions

BUNDLED = Path(__file__).parent / "models"
PROCESSES_MAX = 64
DEVICES_MAX = 16


class WorkerCommand(click.Command):
    """`penstock worker REPOSITORY`, and `penstock worker bench REPOSITORY` beside it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """The one's context or the other's."""
        if args[:1] != ["bench"]:
            return super().make_context(info_name, args, parent, **extra)
        command = importlib.import_module("workers.bench.command").bench
        made: click.Context = command.make_context(f"{info_name} bench", args[1:], parent, **extra)
        return made

    def invoke(self, ctx: click.Context) -> Any:
        """Whichever the context is of."""
        return super().invoke(ctx) if ctx.command is self else ctx.command.invoke(ctx)


@click.command(
    cls=WorkerCommand,
    epilog="'penstock worker bench REPOSITORY' measures the models instead of serving them.",
)
@click.argument("repository", type=click.Path(path_type=Path), default=BUNDLED)
@click.option("--listen", default="127.0.0.1:8001", show_default=True, help="HOST:PORT; port 0 takes any.")
@click.option("--grpc", default="", help="HOST:PORT for gRPC too; port 0 takes any.")
@click.option(
    "--device",
    multiple=True,
    default=("auto",),
    show_default=True,
    help="cpu, cuda, cuda:N; auto takes CUDA if there. Given again, each device has all models.",
)
@click.option(
    "--fronts",
    type=click.IntRange(1, PROCESSES_MAX),
    default=None,
    help="Processes that accept callers.  [default: one for every four cores]",
)
@click.option(
    "--cpu-processes",
    type=click.IntRange(0, PROCESSES_MAX),
    default=None,
    help="Processes that decode and pre-process; 0: the predictor does it.  [default: by cores]",
)
@click.option(
    "--fetch-from",
    multiple=True,
    metavar="HOST",
    help="HOST, HOST:PORT or *.DOMAIN that pictures may be fetched from; may be given again.",
)
@click.option(
    "--shared-memory/--no-shared-memory",
    default=None,
    help="Tensors in callers' system shared memory.  [default: where all addresses are this machine's own]",
)
@click.option("--name", default=NAME, show_default=True, help="The server's name in its metadata.")
@click.option("--models", default="", help="Only these, by name, between commas.")
def worker(
    repository: Path,
    listen: str,
    grpc: str,
    device: tuple[str, ...],
    fronts: int | None,
    cpu_processes: int | None,
    fetch_from: tuple[str, ...],
    shared_memory: bool | None,
    name: str,
    models: str,
) -> None:
    """Serve the models in the folder REPOSITORY, or the bundled ones.

    Speaks the Open Inference Protocol; prints 'penstock worker ready …' when all models are loaded.
    """
    settle()
    host, port = _address(listen, "--listen")
    rpc = _address(grpc, "--grpc") if grpc else None
    if shared_memory is None:
        shared_memory = is_local(host) and (rpc is None or is_local(rpc[0]))
    only = tuple(name.strip() for name in models.split(",") if name.strip())
    devices = _devices(device)
    try:
        entries = read_repository(repository, only, devices[0])
        sets = read_sets(repository, entries)
        reservation = Reservation(host, port)
        grpc_reservation = None if rpc is None else Reservation(*rpc)
    except BadRepository as error:
        for problem in error.problems:
            _tell(problem)
        sys.exit(2)
    except CannotListen as error:
        _tell(str(error))
        sys.exit(1)
    options = TreeOptions(
        repository=repository,
        fronts=default_fronts(cores()) if fronts is None else fronts,
        stages=default_stages(cores(), entries) if cpu_processes is None else cpu_processes,
        devices=devices,
        front=FrontOptions(
            name=name,
            sets=sets,
            fetching=FetchLimits(hosts=fetch_from),
            regions=RegionLimits() if shared_memory else None,
        ),
    )
    sys.exit(asyncio.run(_serve(options, reservation, grpc_reservation, entries)))


def is_local(host: str) -> bool:
    """Whether only this machine reaches a listener there. No name is looked up."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0))


def default_fronts(cores: int) -> int:
    """One accepts some thousand requests a second; on a small machine a second takes from the models."""
    return max(1, cores // 4)


def default_stages(cores: int, entries: tuple[Entry, ...]) -> int:
    """Half of the cores if they decode pictures for any model; on a small machine the predictor does."""
    return cores // 2 if cores >= 4 and any(map(prepares, entries)) else 0


async def _serve(
    options: TreeOptions, reservation: Reservation, grpc: Reservation | None, entries: tuple[Entry, ...]
) -> int:
    def ready() -> None:
        host, port = reservation.address
        names = ",".join(f"{entry.name}:{entry.version}" for entry in entries)
        click.echo(f"penstock worker ready http://{_bracket(host)}:{port} models={names}")
        if grpc is not None:
            click.echo(f"penstock worker grpc port {grpc.port}")

    return await Supervisor(options, reservation, _tell, grpc).live(entries, ready)


def _tell(line: str) -> None:
    click.echo(f"penstock worker: {line}", err=True)


def _address(text: str, option: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"'{text}' is not HOST:PORT", param_hint=option)
    return host.removeprefix("[").removesuffix("]"), int(port)


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _devices(texts: tuple[str, ...]) -> tuple[Device, ...]:
    try:
        devices = tuple(parse_device(text) for text in texts)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--device") from error
    if len({device.type for device in devices}) > 1:
        raise click.BadParameter("all devices of a server are of one type", param_hint="--device")
    if len(devices) > DEVICES_MAX:
        raise click.BadParameter(f"{len(devices)} devices; {DEVICES_MAX} are possible", param_hint="--device")
    return devices

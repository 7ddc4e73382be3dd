"""The command `penstock worker`: reads the repository, listens, loads, serves, and ends when told to."""

import asyncio
import signal
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import click
import uvloop

from workers.device import Device, parse_device
from workers.errors import BadRepository, Unusable
from workers.fetch.fetcher import Fetcher
from workers.fetch.limits import FetchLimits
from workers.front.bridge import Bridge
from workers.front.limits import FrontLimits
from workers.front.run import Faces
from workers.front.sockets import listen as bind
from workers.pool import Pool, PoolLimits
from workers.repository import read_repository
from workers.several.description import Set, read_sets
from workers.several.pool import SharingPool
from workers.surroundings import settle

BUNDLED = Path(__file__).parent / "models"


@click.command()
@click.argument("repository", type=click.Path(path_type=Path), default=BUNDLED)
@click.option("--listen", default="127.0.0.1:8001", show_default=True, help="HOST:PORT; port 0 takes any.")
@click.option("--grpc", default="", help="HOST:PORT for gRPC too; port 0 takes any.")
@click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:N; auto takes CUDA if there."
)
@click.option(
    "--cpu-processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    help="Processes that each load all models.",
)
@click.option(
    "--fetch-from",
    multiple=True,
    metavar="HOST",
    help="HOST, HOST:PORT or *.DOMAIN that pictures may be fetched from; may be given again.",
)
@click.option("--models", default="", help="Only these, by name, between commas.")
def worker(
    repository: Path,
    listen: str,
    grpc: str,
    device: str,
    cpu_processes: int,
    fetch_from: tuple[str, ...],
    models: str,
) -> None:
    """Serve the models in the folder REPOSITORY, or the bundled ones.

    Speaks the Open Inference Protocol; prints 'penstock worker ready …' when all models are loaded.
    """
    settle()
    host, port = _address(listen, "--listen")
    if grpc:
        _address(grpc, "--grpc")
    only = tuple(name.strip() for name in models.split(",") if name.strip())
    try:
        entries = read_repository(repository, only)
        sets = read_sets(repository, entries)
    except BadRepository as error:
        for problem in error.problems:
            click.echo(f"penstock worker: {problem}", err=True)
        sys.exit(2)
    pool = Pool(entries, PoolLimits(device=_device(device), processes=cpu_processes), monotonic)
    sys.exit(uvloop.run(serve(pool, sets, FetchLimits(hosts=fetch_from), host, port, grpc)))


async def serve(
    pool: Pool, sets: tuple[Set, ...], fetching: FetchLimits, host: str, port: int, grpc: str
) -> int:
    """Serve until SIGTERM or SIGINT; the exit code. Listens before it loads, so that liveness shows."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Fetcher(fetching) as fetcher:
        shared = SharingPool(Bridge(pool, loop), sets, fetcher if fetching.hosts else None, fetching)
        faces = Faces(shared, FrontLimits())
        try:
            sockets = bind(host, port)
            await faces.start(sockets, grpc)
        except OSError as error:
            words = f"{host}:{port}: {error.strerror}" if error.strerror else str(error)
            click.echo(f"penstock worker: cannot listen on {words}", err=True)
            return 1
        try:
            return await _load_and_wait(pool, sockets[0].getsockname(), faces.grpc_port, stop)
        finally:
            await faces.drain()
            await asyncio.to_thread(pool.close)


async def _load_and_wait(pool: Pool, address: tuple[Any, ...], grpc_port: int, stop: asyncio.Event) -> int:
    loading = asyncio.create_task(asyncio.to_thread(pool.load, lambda line: click.echo(line, err=True)))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        pool.stop_loading()
    try:
        await loading
    except Unusable as error:
        click.echo(f"penstock worker: {error}", err=True)
        stopping.cancel()
        return 1
    if not stop.is_set():
        host, port = address[:2]
        names = ",".join(f"{entry.name}:{entry.version}" for entry in pool.entries.values())
        click.echo(f"penstock worker ready http://{_bracket(host)}:{port} models={names}")
        if grpc_port:
            click.echo(f"penstock worker grpc port {grpc_port}")
    await stopping
    return 0


def _address(text: str, option: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"'{text}' is not HOST:PORT", param_hint=option)
    return host.removeprefix("[").removesuffix("]"), int(port)


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _device(text: str) -> Device:
    try:
        return parse_device(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--device") from error

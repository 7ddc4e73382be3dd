"""The command `penstock worker bench`: measures a repository's models and says what the table should hold."""

import sys
from pathlib import Path
from time import perf_counter

import click
import msgspec

from workers.bench.figures import Figures
from workers.bench.plot import draw
from workers.bench.sweep import sizes_of, sweep
from workers.device import DEVICE_BATCHES, Device, Ground, parse_device, shared
from workers.entry import Entry
from workers.errors import BadRepository, Unusable, WorkerError
from workers.model import Model
from workers.repository import read_repository
from workers.surroundings import settle
from workers.tree.turns import places_of


@click.command()
@click.argument("repository", type=click.Path(path_type=Path))
@click.option("--models", "--model", default="", help="Only these, by name, between commas.")
@click.option(
    "--device", "devices", multiple=True, default=("auto",), show_default=True, help="May be given again."
)
@click.option(
    "--seconds", default=2.0, show_default=True, type=click.FloatRange(0.0, 600.0), help="Per batch size."
)
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path), default=Path("bench.json"), show_default=True
)
@click.option("--picture", type=click.Path(path_type=Path), default=Path("bench.svg"), show_default=True)
@click.option(
    "--endpoint", default="http://127.0.0.1:8001", show_default=True, help="For the lines to paste."
)
def bench(
    repository: Path,
    models: str,
    devices: tuple[str, ...],
    seconds: float,
    json_path: Path,
    picture: Path,
    endpoint: str,
) -> None:
    """Measure the models in the folder REPOSITORY, batch size by batch size; writes figures and a picture."""
    settle()
    only = tuple(name.strip() for name in models.split(",") if name.strip())
    found: list[Figures] = []
    for text in devices:
        try:
            device = parse_device(text)
            entries = read_repository(repository, only, device)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--device") from error
        except BadRepository as error:
            for problem in error.problems:
                click.echo(f"penstock worker bench: {problem}", err=True)
            sys.exit(2)
        found += [each for entry in entries if (each := measure(entry, device, seconds)) is not None]
    if not found:
        sys.exit(1)
    json_path.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    draw(picture, found)
    click.echo(f"written: {json_path}, {picture}\napplications:")
    for number, each in enumerate(found, 1):
        click.echo(each.row(number, endpoint))


def measure(entry: Entry, device: Device, seconds: float) -> Figures | None:
    """One model on one device, told line by line; None if it cannot be loaded or fails."""
    began_s = perf_counter()
    try:
        model = Model(entry)
        where = model.initialise(Ground(device=device))
        load_s = perf_counter() - began_s
        click.echo(f"{entry.name} {entry.version}: on {where}, loaded in {load_s:.1f} s", err=True)
        places = DEVICE_BATCHES if shared(entry.device or device) else places_of(entry)
        count = len(sizes_of(entry))
        levels = []
        for number, level in enumerate(sweep(model, places, seconds, perf_counter), 1):
            line = f"{level.per_s:9.1f}/s, a batch p50 {level.p50_ms:.1f} ms, p99 {level.p99_ms:.1f} ms"
            click.echo(f"  {number}/{count}  batch {level.batch:4d}  {line}", err=True)
            levels.append(level)
        model.release()
    except (Unusable, WorkerError) as error:
        click.echo(f"penstock worker bench: {entry.name}: {error}", err=True)
        return None
    return Figures(
        model=entry.name,
        version=entry.version,
        device=str(device),
        where=where,
        load_s=load_s,
        levels=tuple(levels),
    )

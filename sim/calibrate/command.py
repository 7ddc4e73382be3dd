"""The command `penstock calibrate`: words into a question, the answer into words and files."""

import gc
from pathlib import Path

import click
import msgspec
import uvloop
from rich.console import Console

from sim.calibrate.calibration import Calibration, Calibrator
from sim.calibrate.plot import draw, find_matplotlib
from sim.calibrate.probe import probe
from sim.calibrate.question import CONCURRENCY_MAX, REQUESTS_MAX, SECONDS, Question
from sim.calibrate.report import line, print_tables, yaml_of
from sim.load.files import allow_files
from sim.load.mix import RequestClass, encode_request, small_body
from sim.load.target import reached, read_target

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("endpoint")
@click.option("--model", required=True, help="The model that is asked.")
@click.option("--payload", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Its request.")
@click.option("--header", "headers", multiple=True, help="'Name: value', sent with each request.")
@click.option("--deadline-ms", type=click.FloatRange(0, min_open=True), help="Later answers are no good.")
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 600),
    default=SECONDS,
    show_default=True,
    help="A step; by rate longer where the deadline wants it.",
)
@click.option("--max-concurrency", type=click.IntRange(1, 4096), default=CONCURRENCY_MAX, show_default=True)
@click.option(
    "--max-requests", type=click.IntRange(1), default=REQUESTS_MAX, show_default=True, help="In all."
)
@click.option("--allow", multiple=True, metavar="HOST", help="This host may be loaded, loopback or not.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the arrivals.")
@click.option("--json", "json_file", type=FILE, help="Write all figures there.")
@click.option("--plot", "plot_file", type=FILE, help="Write a picture there, SVG (needs matplotlib).")
def calibrate(
    endpoint: str,
    model: str,
    payload: Path | None,
    headers: tuple[str, ...],
    deadline_ms: float | None,
    seconds: float,
    max_concurrency: int,
    max_requests: int,
    allow: tuple[str, ...],
    seed: int,
    json_file: Path | None,
    plot_file: Path | None,
) -> None:
    """Load the model server at ENDPOINT step by step; print the concurrency and the rate that it can take.

    First by concurrency: as many callers as that, each asking again once it is answered. The knee, past which
    latency grows faster than throughput, is the concurrency. Then by rate, around what the knee gave: the
    highest at which 99% are answered in time. Standard output is YAML for an application of a routing table,
    all else goes to standard error.
    """
    if plot_file is not None:
        find_matplotlib()
    body = small_body("") if payload is None else payload.read_bytes()
    fields = _fields(headers)
    target = read_target(f"{endpoint.rstrip('/')}/v2/models/{model}/infer", allow)
    question = Question(
        target=target,
        address=reached(target),
        request=encode_request(target, RequestClass(name="all", body=body, headers=fields)),
        body=body,
        headers=fields,
        deadline_ms=deadline_ms,
        seconds=seconds,
        requests_max=max_requests,
        concurrency_max=max_concurrency,
        seed=seed,
    )
    found = _run(question)
    if json_file is not None:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if plot_file is not None:
        draw(plot_file, found)
    click.echo(yaml_of(found))


def _run(question: Question) -> Calibration:
    console = Console(stderr=True)
    probe(question.target, question.address, question.body, question.headers)
    allow_files(question.concurrency_max)
    gc.freeze()

    async def run() -> Calibration:
        with console.status("calibrating"):
            said = Calibrator(question, lambda step: console.print(line(step), highlight=False))
            return await said.run()

    found = uvloop.run(run())
    print_tables(console, found)
    return found


def _fields(headers: tuple[str, ...]) -> dict[str, str]:
    if any(":" not in header for header in headers):
        raise click.BadParameter("a header is written 'Name: value'", param_hint="--header")
    pairs = (header.partition(":") for header in headers)
    return {name.strip(): value.strip() for name, _, value in pairs}

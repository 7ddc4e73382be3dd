"""The command `penstock calibrate`: words into an order. What it needs is imported only when it is called."""

from pathlib import Path

import click

from sim.calibrate.question import CONCURRENCY_MAX, REQUESTS_MAX, SECONDS

NOT_HERE = "'penstock calibrate' needs more packages: pip install 'penstock[load]'"
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
    try:
        from sim.calibrate.errand import Errand, run
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{NOT_HERE} ({error})") from error

    errand = Errand(
        endpoint=endpoint,
        model=model,
        payload=payload,
        headers=_fields(headers),
        deadline_ms=deadline_ms,
        seconds=seconds,
        concurrency_max=max_concurrency,
        requests_max=max_requests,
        allowed=allow,
        seed=seed,
        json_file=json_file,
        plot_file=plot_file,
    )
    click.echo(run(errand))


def _fields(headers: tuple[str, ...]) -> dict[str, str]:
    if any(":" not in header for header in headers):
        raise click.BadParameter("a header is written 'Name: value'", param_hint="--header")
    pairs = (header.partition(":") for header in headers)
    return {name.strip(): value.strip() for name, _, value in pairs}

"""The command `penstock calibrate`: words into an order. What it needs is imported only when it is called."""

from pathlib import Path

import click

from sim.calibrate.question import CONCURRENCY_MAX, REQUESTS_MAX, SECONDS

NOT_HERE = "'penstock calibrate' needs more packages: pip install 'penstock[load]'"
FILE = click.Path(path_type=Path, dir_okay=False)
RECORDING = click.Path(path_type=Path, exists=True, dir_okay=False)
NETWORK_MS = 0.4


@click.command()
@click.argument("endpoint", required=False)
@click.option("--model", help="The model that is asked.")
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
@click.option(
    "--fit", "recording", type=RECORDING, help="Load nothing: fit a fleet description to a recording."
)
@click.option(
    "--network-ms",
    type=click.FloatRange(0),
    default=NETWORK_MS,
    show_default=True,
    help="With --fit: to a model server and back, which a recording cannot tell from its work.",
)
@click.option("--plot", "plot_file", type=FILE, help="Write a picture there, SVG (needs matplotlib).")
def calibrate(
    endpoint: str | None,
    model: str | None,
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
    recording: Path | None,
    network_ms: float,
) -> None:
    """Load the model server at ENDPOINT step by step; print the concurrency and the rate that it can take.

    First by concurrency: as many callers as that, each asking again once it is answered. The knee, past which
    latency grows faster than throughput, is the concurrency. Then by rate, around what the knee gave: the
    highest at which 99% are answered in time. Standard output is YAML for an application of a routing table,
    all else goes to standard error.

    With --fit nothing is loaded: standard output is a fleet description for `penstock simulate`, service
    times by the calls in flight as `penstock record` saw them.
    """
    if recording is not None:
        if endpoint is not None:
            raise click.UsageError("--fit reads a recording: no ENDPOINT is loaded")
        _fit(recording, network_ms)
        return
    if endpoint is None or model is None:
        raise click.UsageError("give an ENDPOINT and its --model, or --fit RECORDING")
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


def _fit(recording: Path, network_ms: float) -> None:
    try:
        from sim.recordings.fit import fit
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{NOT_HERE} ({error})") from error
    found = fit(recording, network_s=network_ms / 1e3)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(found.text, nl=False)


def _fields(headers: tuple[str, ...]) -> dict[str, str]:
    if any(":" not in header for header in headers):
        raise click.BadParameter("a header is written 'Name: value'", param_hint="--header")
    pairs = (header.partition(":") for header in headers)
    return {name.strip(): value.strip() for name, _, value in pairs}

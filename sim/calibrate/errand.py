"""One `penstock calibrate`: the endpoint is looked at, calibrated, told of on the terminal and in files."""

import gc
from pathlib import Path

import msgspec
import uvloop
from rich.console import Console

from sim.calibrate.calibration import Calibration, Calibrator
from sim.calibrate.plot import draw, find_matplotlib
from sim.calibrate.probe import probe
from sim.calibrate.question import Question
from sim.calibrate.report import line, print_tables, yaml_of
from sim.load.files import allow_files
from sim.load.mix import RequestClass, encode_request, small_body
from sim.load.target import reached, read_target


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; `payload` None is a small text."""

    endpoint: str
    model: str
    payload: Path | None
    headers: dict[str, str]
    deadline_ms: float | None
    seconds: float
    concurrency_max: int
    requests_max: int
    allowed: tuple[str, ...]
    seed: int
    json_file: Path | None
    plot_file: Path | None


def run(errand: Errand) -> str:
    """The words for the table, once all else is told and written. Raises PenstockError."""
    if errand.plot_file is not None:
        find_matplotlib()
    found = _calibrated(_question(errand))
    if errand.json_file is not None:
        errand.json_file.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    if errand.plot_file is not None:
        draw(errand.plot_file, found)
    return yaml_of(found)


def _question(errand: Errand) -> Question:
    body = small_body("") if errand.payload is None else errand.payload.read_bytes()
    target = read_target(f"{errand.endpoint.rstrip('/')}/v2/models/{errand.model}/infer", errand.allowed)
    return Question(
        target=target,
        address=reached(target),
        request=encode_request(target, RequestClass(name="all", body=body, headers=errand.headers)),
        body=body,
        headers=errand.headers,
        deadline_ms=errand.deadline_ms,
        seconds=errand.seconds,
        requests_max=errand.requests_max,
        concurrency_max=errand.concurrency_max,
        seed=errand.seed,
    )


def _calibrated(question: Question) -> Calibration:
    console = Console(stderr=True)
    probe(question.target, question.address, question.body, question.headers)
    allow_files(question.concurrency_max)
    gc.freeze()

    async def calibrate() -> Calibration:
        with console.status("calibrating"):
            said = Calibrator(question, lambda step: console.print(line(step), highlight=False))
            return await said.run()

    found = uvloop.run(calibrate())
    print_tables(console, found)
    return found

"""What may stand in a plan: every key with its reader, unit and default. Data; the format in one place."""

import json
import sys

from proxy.routing.labels import Labels
from proxy.routing.readers import Choice, Flag, Milliseconds, Number, Whole
from proxy.routing.section import Key, ListOf, Section
from sim.load.limits import PROCESSES_MAX
from sim.replay.readers import (
    DAYS_S,
    NAME,
    POSITIVE,
    RATE,
    SECONDS,
    TIME,
    WORDS,
    Command,
    Fields,
    Identifier,
    Mix,
    OneOf,
    Thresholds,
    Values,
)
from sim.world.plan import FaultKind

VERSION = 1
VIRTUAL_KINDS = (*(each.value for each in FaultKind), "well", "none")
STAGES_MAX, FAULTS_MAX, CLASSES_MAX = 200, 200, 64


def _shape(what: str, *keys: Key) -> Section:
    how = Choice("even", "poisson", "gamma", what="a way to scatter")
    return Section(
        what,
        *keys,
        Key(name="arrivals", reader=how, meaning="how requests scatter: even, poisson (default) or gamma"),
        Key(name="cv", reader=POSITIVE, meaning="of gamma's gaps, standard deviation over mean; default 1"),
    )


_TRACED = (
    Key(name="file", reader=WORDS, meaning="CSV, or CSV.GZ, from the plan's folder", required=True),
    Key(name="from", reader=Number(least=-DAYS_S, most=DAYS_S), meaning="s of the trace; default its start"),
    Key(name="to", reader=Number(least=-DAYS_S, most=DAYS_S), meaning="s of the trace; default its end"),
    Key(name="speed", reader=POSITIVE, meaning="so many times as fast; default 1"),
    Key(name="scale", reader=POSITIVE, meaning="so many times the rate; default 1"),
)
_COLUMN = Key(name="column", reader=WORDS, meaning="of the file; default the only one that can be meant")
_RATE = Key(name="rate", reader=RATE, meaning="requests per second", required=True)
_SECONDS = Key(name="seconds", reader=SECONDS, meaning="how long", required=True)

SHAPES = {
    "constant": _shape("a constant rate", _RATE, _SECONDS),
    "steps": _shape(
        "steps",
        Key(name="rates", reader=Values(), meaning="requests per second, one after another", required=True),
        Key(name="each", reader=SECONDS, meaning="how long each lasts, s", required=True),
    ),
    "ramp": _shape(
        "a ramp",
        Key(name="from", reader=RATE, meaning="requests per second at its start", required=True),
        Key(name="to", reader=RATE, meaning="requests per second at its end", required=True),
        _SECONDS,
    ),
    "burst": _shape(
        "a burst",
        _RATE,
        _SECONDS,
        Key(name="size", reader=Whole(least=0), meaning="requests on top of the rate", required=True),
        Key(name="spread", reader=SECONDS, meaning="s within which they come; default 1"),
        Key(name="first", reader=TIME, meaning="s from the stage's start; default 0"),
        Key(name="every", reader=TIME, meaning="s after which it comes again; default 0: once"),
    ),
    "sine": _shape(
        "a sine",
        _RATE,
        _SECONDS,
        Key(name="amplitude", reader=RATE, meaning="requests per second around the rate", required=True),
        Key(name="period", reader=SECONDS, meaning="s of one swing", required=True),
    ),
    "rates": _shape(
        "a rate series",
        *_TRACED,
        _COLUMN,
        Key(
            name="counts", reader=Flag(), meaning="true: values are requests by interval; default per second"
        ),
    ),
    "clients": _shape(
        "a sum of clients",
        *_TRACED,
        Key(name="category", reader=WORDS, meaning="of the clients; default all"),
    ),
    "log": _shape(
        "a request log",
        *_TRACED,
        _COLUMN,
        Key(name="loop", reader=SECONDS, meaning="again and again for so many s; default once"),
    ),
    "recording": Section("a recording", *_TRACED),
    "milestones": _shape(
        "milestones",
        *_TRACED,
        Key(name="year", reader=Whole(least=1), meaning="of the day", required=True),
        Key(name="rate", reader=RATE, meaning="requests per second, the day's mean", required=True),
        Key(name="quiet", reader=RATE, meaning="before midnight, in multiples of the mean; default 1"),
    ),
}
_FIELD = Key(name="field", reader=WORDS, meaning="the column or the key that holds the text")
_PATH = Key(name="path", reader=WORDS, meaning="from the plan's folder", required=True)
PAYLOADS = {
    "small": Section("a small text"),
    "made": Section(
        "a made payload",
        Key(
            name="bytes", reader=Whole(least=1, most=64 * 1024 * 1024), meaning="of its tensor", required=True
        ),
    ),
    "text": Section("texts", _PATH, _FIELD),
    "jsonl": Section("request bodies, one a line", _PATH),
    "pictures": Section("a folder of pictures", _PATH),
}

STAGE = Section(
    "a stage",
    Key(name="name", reader=NAME, meaning="for the report and for thresholds", required=True),
    Key(name="shape", reader=OneOf("shape", SHAPES), meaning="its load", required=True),
    Key(name="mix", reader=Mix(), meaning="weights of its classes; default their own; others send nothing"),
)
CLASS = Section(
    "a class",
    Key(name="name", reader=NAME, meaning="for the report and for thresholds", required=True),
    Key(name="weight", reader=RATE, meaning="its share of all requests, by weight; default 1"),
    Key(name="deadline", reader=Milliseconds(), meaning="ms from the planned time; later answers are late",
        required=True),
    Key(name="label", reader=Labels(), meaning="each request has one of them, in turn, as parameters.label"),
    Key(name="headers", reader=Fields(), meaning="sent with each request"),
    Key(name="payload", reader=OneOf("payload", PAYLOADS), meaning="what is sent; default a small text"),
)  # fmt: skip
HTTP = Section(
    "a request",
    Key(name="url", reader=WORDS, meaning="on loopback, or of a host that `allow` names", required=True),
    Key(
        name="method", reader=Choice("POST", "PUT", "DELETE", "GET", what="a method"), meaning="default POST"
    ),
    Key(name="body", reader=WORDS, meaning="what is sent"),
    Key(name="file", reader=WORDS, meaning="what is sent stands there, from the plan's folder"),
    Key(name="headers", reader=Fields(), meaning="sent with it"),
)
VIRTUAL = Section(
    "a virtual fault",
    Key(name="kind", reader=Choice(*VIRTUAL_KINDS, what="a kind of fault"), required=True,
        meaning="as in the simulation: slow, refusing, black-hole...; well ends it; none does nothing"),
    Key(name="pool", reader=Identifier(), meaning="the application whose machines it befalls"),
    Key(name="factor", reader=POSITIVE, meaning="slow: so many times; default 1"),
    Key(name="share", reader=Number(above=0, most=1), meaning="of the requests that meet it; default 1"),
    Key(name="status", reader=Whole(least=400, most=599), meaning="failing, throttling; default 500"),
    Key(name="for", reader=SECONDS, meaning="s; default until the next one of this pool"),
)  # fmt: skip
FAULT = Section(
    "a fault",
    Key(name="name", reader=WORDS, meaning="for the report", required=True),
    Key(name="at", reader=TIME, meaning="s from the start", required=True),
    Key(name="run", reader=Command(), meaning="a command as a list of words; exit 0 is wanted"),
    Key(name="http", reader=HTTP, meaning="a request; a status below 300 is wanted"),
    Key(name="virtual", reader=VIRTUAL, meaning="what it does in `penstock simulate`; a drain, an undrain "
        "and a table that is put do what they do, all else needs it"),
)  # fmt: skip
SIMULATION = Section(
    "a simulation",
    Key(name="table", reader=WORDS, meaning="routing table, from the plan's folder; --table goes before it"),
    Key(name="fleet", reader=WORDS, meaning="the fleet, from the plan's folder; --fleet goes before it"),
    Key(name="scale", reader=POSITIVE, meaning="of all rates, instead of the plan's; --scale goes before it"),
)  # fmt: skip
ABORT = Section(
    "an abort rule",
    Key(
        name="failed", reader=Number(above=0, most=100), meaning="% of what ended that failed", required=True
    ),
    Key(name="for", reader=Number(least=1, most=600), meaning="s for which it holds", required=True),
)
LIMITS = Section(
    "limits",
    Key(name="requests", reader=Whole(least=1), meaning="in all; default 5000000"),
    Key(name="seconds", reader=Number(above=0, most=86_400), meaning="of the schedule; default 3600"),
    Key(name="connections", reader=Whole(least=1, most=65_000), meaning="at once; default 1024"),
    Key(
        name="answer",
        reader=Number(above=0, most=600),
        meaning="s after which a request has failed; default 30",
    ),
    Key(name="drain", reader=Number(least=0, most=600), meaning="s for the last answers; default 10"),
    Key(name="payloadBytes", reader=Whole(least=1), meaning="of all payloads in memory; default 64 MiB"),
)
PUNCTUALITY = Section(
    "punctuality",
    Key(name="p50", reader=Milliseconds(), meaning="ms, the generator's median lag at most; default 1"),
    Key(name="p99", reader=Milliseconds(), meaning="ms, of 99% of the requests at most; default 5"),
)
PLAN = Section(
    "a plan",
    Key(name="version", reader=Whole(least=VERSION, most=VERSION), meaning="1", required=True),
    Key(name="name", reader=NAME, meaning="for the report", required=True),
    Key(name="says", reader=WORDS, meaning="what it rehearses, in a sentence"),
    Key(name="target", reader=WORDS, meaning="http://HOST:PORT/PATH, where requests go", required=True),
    Key(name="allow", reader=Labels(), meaning="hosts that may be loaded; default loopback alone"),
    Key(name="metrics", reader=WORDS, meaning="URL of the proxy's /metrics; default: not read"),
    Key(name="metricsEvery", reader=Milliseconds(), meaning="ms; default 1000"),
    Key(name="stages", reader=ListOf(STAGE, least=1, most=STAGES_MAX), meaning="in order", required=True),
    Key(name="classes", reader=ListOf(CLASS, least=1, most=CLASSES_MAX), meaning="of load", required=True),
    Key(name="thresholds", reader=Thresholds(), meaning="by class, or `all`"),
    Key(name="faults", reader=ListOf(FAULT, least=1, most=FAULTS_MAX), meaning="what goes wrong, and when"),
    Key(name="abort", reader=ABORT, meaning="when the run ends before its time"),
    Key(name="limits", reader=LIMITS, meaning="what it may take at most"),
    Key(name="punctuality", reader=PUNCTUALITY, meaning="how well the generator must keep the schedule"),
    Key(name="minimumSample", reader=Whole(least=1), meaning="answers that a percentile is believed with; "
        "default ten beyond it: 1000 for p99"),
    Key(name="scale", reader=POSITIVE, meaning="of all rates; default 1"),
    Key(name="seed", reader=Whole(least=0), meaning="of all that is drawn; default 1"),
    Key(name="processes", reader=Whole(least=1, most=PROCESSES_MAX), meaning="of the generator; default 1"),
    Key(name="simulate", reader=SIMULATION, meaning="what it meets in `penstock simulate`"),
)  # fmt: skip


def render() -> str:
    """The text of `sim/profiles/plan.schema.json`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Penstock replay plan"}
    return json.dumps({**head, **PLAN.schema()}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())

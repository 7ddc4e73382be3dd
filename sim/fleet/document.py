"""What may stand in a fleet description: every key with its reader, unit and default. Data."""

import json
import sys

from proxy.routing.document import Items, Node, kind
from proxy.routing.problems import Reports
from proxy.routing.readers import Choice, Flag, Number, Schema, Whole
from proxy.routing.section import Key, ListOf, MapOf, Section
from sim.replay.readers import NAME, WORDS, Identifier

VERSION = 1
POOLS_MAX, LEVELS_MAX, TIMES_MAX = 1_000, 64, 1_024
MACHINES_MAX, SLOTS_MAX, PROXIES_MAX = 10_000_000, 100_000, 100_000
TIME_MS = Number(above=0, most=600_000)
COUNT = Number(above=0, most=MACHINES_MAX)


class Times:
    """A list of times in ms, ascending: equally likely quantiles."""

    def read(self, node: Node, reports: Reports) -> tuple[float, ...] | None:
        if not isinstance(node, Items) or not 1 <= len(node.nodes) <= TIMES_MAX:
            reports.add(node.line, f"a list of 1 to {TIMES_MAX} times in ms is wanted here, not {kind(node)}")
            return None
        found = [TIME_MS.read(item, reports) for item in node.nodes]
        times = [each for each in found if each is not None]
        if len(times) < len(found):
            return None
        if times != sorted(times):
            reports.add(node.line, "the times do not ascend", "quantiles, the smallest first")
            return None
        return tuple(each / 1e3 for each in times)

    def schema(self) -> Schema:
        return {"type": "array", "items": TIME_MS.schema(), "minItems": 1, "maxItems": TIMES_MAX}


LEVEL = Section(
    "a level",
    Key(name="inService", reader=Number(above=0, most=SLOTS_MAX), meaning="requests in service on a machine",
        required=True),
    Key(name="times", reader=Times(), meaning="ms, equally likely: the quantiles in the middle of so many "
        "equal shares, ascending", required=True),
)  # fmt: skip
SERVICE = Section(
    "a service time",
    Key(name="base", reader=TIME_MS, meaning="ms that a request takes in any case"),
    Key(name="each", reader=Number(least=0, most=600_000), meaning="ms more for each request in service "
        "on the machine, itself included; default 0"),
    Key(name="knee", reader=Number(least=0, most=SLOTS_MAX), meaning="in service on a machine; beyond it the "
        "time grows by slope; default none"),
    Key(name="slope", reader=Number(least=0, most=1_000), meaning="share of the time more for each "
        "request past the knee; default 0"),
    Key(name="spread", reader=Choice("constant", "exponential", "lognormal", what="a spread"),
        meaning="of the times around their mean: constant (default), exponential or lognormal"),
    Key(name="sigma", reader=Number(above=0, most=5), meaning="of the lognormal's logarithm; default 0.5"),
    Key(name="measured", reader=ListOf(LEVEL, least=1, most=LEVELS_MAX), meaning="times from a recording, by "
        "load, in place of base and all the others"),
    needs={"slope": "knee"},
)  # fmt: skip
POOL = Section(
    "a pool",
    Key(name="name", reader=NAME, meaning="for people; default the application's"),
    Key(name="machines", reader=COUNT, meaning="how many", required=True),
    Key(name="slots", reader=Whole(least=1, most=SLOTS_MAX), meaning="requests in service on a machine at "
        "once; beyond, they wait in its queue", required=True),
    Key(name="service", reader=SERVICE, meaning="how long a request takes", required=True),
    Key(name="network", reader=Number(least=0, most=60_000), meaning="ms there and back; default 0.4"),
    Key(name="cost", reader=Number(least=0, most=1e9), meaning="of a machine hour; default 0"),
    Key(name="worksOn", reader=Flag(), meaning="true: on requests whose caller has gone; default false"),
)  # fmt: skip
FLEET = Section(
    "a fleet",
    Key(name="version", reader=Whole(least=VERSION, most=VERSION), meaning="1", required=True),
    Key(name="name", reader=NAME, meaning="for the report", required=True),
    Key(name="says", reader=WORDS, meaning="what it is, in a sentence"),
    Key(name="assumed", reader=WORDS, meaning="what of it was not measured, in a sentence"),
    Key(name="currency", reader=WORDS, meaning="the word behind costs"),
    Key(name="hours", reader=Number(above=0, most=100_000), meaning="that the machines are paid for; default "
        "as long as the plan lasts"),
    Key(name="edge", reader=Number(least=0, most=60_000), meaning="ms between caller and proxy and inside "
        "it; default 0"),
    Key(name="proxies", reader=Whole(least=1, most=PROXIES_MAX), meaning="that share load and machines "
        "evenly, each with the whole table; one is simulated; default 1"),
    Key(name="pools", reader=MapOf(POOL, Identifier(), pattern=Identifier.pattern, most=POOLS_MAX),
        meaning="by the application of the table", required=True),
)  # fmt: skip


def render() -> str:
    """The text of `sim/profiles/fleet.schema.json`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Penstock fleet"}
    return json.dumps({**head, **FLEET.schema()}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())

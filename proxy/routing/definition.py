"""What may stand in a table: every key with its reader, unit and default. Data; the format in one place."""

from proxy.routing.address import Address
from proxy.routing.credentials import HeaderFields
from proxy.routing.labels import LABEL, Labels, Word
from proxy.routing.readers import NUMBER_MAX, Choice, Flag, Many, Milliseconds, Number, Text, Whole
from proxy.routing.section import Key, ListOf, MapOf, Section
from proxy.routing.table import CLASSES_MAX

VERSION = 1
CLUSTER_TYPES = ("http", "hsf")
ROWS_MAX = 100_000
APPLICATIONS_MAX = 10_000
LABELERS_MAX = 100
ENDPOINTS_MAX = 1_000
PRIORITY_MAX = 1_000_000

BREAKER = Section(
    "a breaker",
    Key(name="consecutive", reader=Whole(least=1), meaning="failures in a row that open it; default 10"),
    Key(
        name="ratio",
        reader=Number(above=0, most=1),
        meaning="share of failed calls in the window that opens it; default 0.5",
    ),
    Key(
        name="calls",
        reader=Whole(least=1),
        meaning="calls in the window below which the ratio says nothing; default 20",
    ),
    Key(name="window", reader=Milliseconds(), meaning="length of the window in ms; default 10000"),
    Key(
        name="rest", reader=Milliseconds(), meaning="first rest in ms; doubles per failed probe; default 1000"
    ),
    Key(name="restMax", reader=Milliseconds(), meaning="longest rest in ms; default 8000"),
    Key(
        name="slow",
        reader=Milliseconds(),
        meaning="a call that takes longer, in ms, counts as slow; default: none does",
    ),
    Key(
        name="slowRatio",
        reader=Number(above=0, most=1),
        meaning="share of slow calls among the latest that opens it; default 0.5",
    ),
    needs={"slowRatio": "slow"},
)

HEALTH = Section(
    "a health check",
    Key(
        name="path",
        reader=Text(
            r"/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]{0,1023}",
            what="a path",
            hint="what follows the endpoint's address, from the '/' on: /v2/health/ready",
        ),
        meaning="what each endpoint is asked with GET; 200 to 299 says that it is well",
        required=True,
    ),
    Key(name="every", reader=Milliseconds(), meaning="time from one check to the next in ms; default 1000"),
    Key(name="timeout", reader=Milliseconds(), meaning="time that a check may take in ms; default 1000"),
    Key(name="down", reader=Whole(least=1), meaning="failed checks in a row that take it out; default 3"),
    Key(name="up", reader=Whole(least=1), meaning="good ones in a row that take it back; default 2"),
)

APPLICATION = Section(
    "an application",
    Key(
        name="endpoints",
        reader=Many(Address(), most=ENDPOINTS_MAX, what="endpoints"),
        meaning="base URLs, http://host:port; a list, or one",
        required=True,
    ),
    Key(
        name="model",
        reader=Text(
            r"[A-Za-z0-9._@:+-]{1,256}",
            what="a model name",
            hint="1 to 256 of the characters A-Z a-z 0-9 . _ @ : + -, quoted if a number",
        ),
        meaning="the model's name on these servers; default: as the caller names it",
    ),
    Key(
        name="concurrency",
        reader=Whole(least=1),
        meaning="calls in flight at most, over all processes; default unlimited",
    ),
    Key(
        name="adaptive",
        reader=Flag(),
        meaning="true: fewer than concurrency while the servers are overloaded; default false",
    ),
    Key(
        name="rate",
        reader=Number(above=0, most=NUMBER_MAX),
        meaning="calls per second at most, over all processes; default unlimited",
    ),
    Key(
        name="burst",
        reader=Whole(least=1),
        meaning="calls that may start at once within the rate; default: 10 ms worth, at least 1",
    ),
    Key(
        name="headers",
        reader=HeaderFields(),
        meaning="header fields added to each call; secrets as ${NAME} from the environment",
    ),
    Key(
        name="breaker",
        reader=BREAKER,
        meaning="when the application is passed over for failing, or for being slow",
    ),
    Key(
        name="health",
        reader=HEALTH,
        meaning="how its servers are asked whether they are well; default: they are not",
    ),
    needs={"burst": "rate", "adaptive": "concurrency"},
)

FALL_THROUGH = Section(
    "a fall-through budget",
    Key(
        name="share",
        reader=Number(least=0, most=100),
        meaning="calls beyond the first, for each request that comes; default 0.2",
    ),
    Key(
        name="perSecond",
        reader=Number(least=0, most=NUMBER_MAX),
        meaning="and so many a second; default 10",
    ),
)

LABELER = Section(
    "a labeler",
    Key(
        name="use",
        reader=Text(
            r"[^\s\x00-\x1f]{1,512}",
            what="a labeler's name",
            hint="a built-in, module:attribute or file.py:name",
        ),
        meaning="a built-in, an entry point, module:attribute, or path/to/file.py:function",
        required=True,
    ),
    Key(
        name="default",
        reader=Labels(empty=True),
        meaning="labels when it raises, overruns or yields nonsense; default none",
    ),
    Key(name="budget", reader=Milliseconds(), meaning="time it may take per request in ms; default 20"),
    is_open=True,
)

QOS_CLASS = Section(
    "a class",
    Key(name="name", reader=Word("a class's name"), meaning="its name in metrics and logs", required=True),
    Key(name="label", reader=Labels(), meaning="labels that put a request into it", required=True),
    Key(
        name="deadline",
        reader=Milliseconds(),
        meaning="the whole request's budget in ms; default: the rows' timeouts alone",
    ),
    Key(
        name="hedge",
        reader=Flag(),
        meaning="true, for the first class alone: late calls are made a second time; default false",
    ),
)

ROUTE = Section(
    "a route",
    Key(
        name="application",
        reader=Word("an application's id"),
        meaning="an id under applications",
        required=True,
    ),
    Key(name="timeout", reader=Milliseconds(), meaning="how long one attempt may take, in ms", required=True),
    Key(
        name="weight",
        reader=Number(least=0, most=NUMBER_MAX),
        meaning="share of the traffic in its tier, relative to the others; 0: never drawn",
        required=True,
    ),
    Key(
        name="priority",
        reader=Whole(least=-PRIORITY_MAX, most=PRIORITY_MAX),
        meaning="its tier; the lowest is tried first",
        required=True,
    ),
    Key(
        name="clusterType",
        reader=Choice(*CLUSTER_TYPES, what="a clusterType"),
        meaning="how its servers are spoken to: http or hsf",
        required=True,
    ),
    Key(
        name="label",
        reader=Labels(starred=True),
        meaning='labels it takes: a number, a word, a list, or "1,44"; "*" takes every request',
        required=True,
    ),
)

TABLE = Section(
    "a table",
    Key(name="version", reader=Whole(least=VERSION, most=VERSION), meaning="the format: 1", required=True),
    Key(
        name="labelers",
        reader=ListOf(LABELER, least=0, most=LABELERS_MAX),
        meaning="run on every request, in order; the union of what they yield",
    ),
    Key(
        name="classes",
        reader=ListOf(QOS_CLASS, least=0, most=CLASSES_MAX),
        meaning="QoS classes, most critical first; the first that shares a label with the request wins",
    ),
    Key(
        name="fallThrough",
        reader=FALL_THROUGH,
        meaning="how many calls may fall through to a next tier after one that failed",
    ),
    Key(
        name="applications",
        reader=MapOf(APPLICATION, Word("an application's id"), pattern=LABEL, most=APPLICATIONS_MAX),
        meaning="what the rows' traffic reaches, by id",
        required=True,
    ),
    Key(
        name="routes",
        reader=ListOf(ROUTE, least=1, most=ROWS_MAX),
        meaning="the rows of the routing table",
        required=True,
    ),
)

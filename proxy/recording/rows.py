"""A recording as JSON lines: a header, a line for each request, and the end. The format in one place.

Version 1. Times are seconds, relative to `began` of the header unless a name says otherwise; milliseconds
where the name ends so. Lines stand in the order in which requests ended, not in which they came. A field that
has its default is left out. A recording without an end line was cut off. No header values, no addresses, no
ticket's number: whoever knows that may read the answer.
"""

import msgspec

VERSION = 1

TIME, REQUESTS, BYTES, ASKED, SHUTDOWN, GONE = "time", "requests", "bytes", "asked", "shutdown", "gone"
"""Why a recording ended: a limit; its operator's word; the proxy stopped; nobody read it any more."""


class ClassAbout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A QoS class of the table, the most critical first."""

    name: str
    deadline_ms: float | None = None


class ApplicationAbout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the table said of an application."""

    endpoints: int
    concurrency: int | None = None


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Of the proxy and its table when the recording began."""

    table: int  # its generation
    digest: str
    processes: int
    classes: list[ClassAbout]
    applications: dict[str, ApplicationAbout]


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `rules` are those that bodies were redacted by, as they were written."""

    penstock_recording: int
    began: str  # ISO 8601, UTC
    began_unix_s: float
    seconds: float  # at most
    bodies: bool
    rules: list[str]
    about: About


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call. `endpoint` is its place in the table's list; -1 where the table has changed since."""

    application: str
    tier: int
    outcome: str
    began_ms: float  # after the request's arrival
    ms: float
    endpoint: int = 0
    hedge: bool = False


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"class_name": "class"}):
    """One request."""

    t_s: float  # its arrival
    unix_s: float  # the same by the wall clock
    ms: float  # from its arrival to its end
    class_name: str
    labels: tuple[str, ...]
    verdict: str
    status: int
    in_bytes: int = 0
    out_bytes: int = 0
    model: str = ""
    version: str = ""
    deadline_ms: float | None = None  # the whole request's budget: the class's or its caller's, the shorter
    asked_ms: float | None = None  # the caller's own
    fallback: str = "queue"  # what it wants when no tier is left: queue, none, at-once
    application: str = ""  # that answered
    tier: int | None = None
    table: int = 1  # generation
    ticket: bool = False  # it was given one
    drained: bool = False  # it is a ticket's: no caller sent it now
    attempts: list[AttemptRow] = []
    passed_over: tuple[tuple[str, str], ...] = ()  # applications that were not called, and why
    process: int = 0
    body: str | None = None
    body_base64: str | None = None
    body_json_bytes: int | None = None
    body_withheld: str = ""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. `complete`: every request that arrived in `seconds` stands here."""

    why: str
    complete: bool
    seconds: float
    requests: int
    unfinished: int
    dropped: dict[str, int]
    withheld: dict[str, int]  # bodies
    processes_lost: int  # that ended unasked, with what they had not handed in
    processes_silent: int  # that did not hand in their last lines in time


class EndLine(msgspec.Struct, frozen=True, kw_only=True):
    """The last line."""

    end: End

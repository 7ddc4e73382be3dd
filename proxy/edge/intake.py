"""From a whole HTTP message to what is asked of the proxy: pure, by the path and the fields that are ours."""

import math
import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from proxy.edge.message import Message
from proxy.messages import Answer, Fallback, Request
from proxy.problem import problem

REQUEST_ID_CHARS_MAX = 128
IDEMPOTENCY_KEY_CHARS_MAX = 255

_MODEL_PATH = re.compile(
    rb"/v2/models/([^/?#]+)(?:/versions/([^/?#]+))?(/infer|/ready|/config|/stats)?(?:\?[^#]*)?", re.DOTALL
)
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/\\\x00-\x1f\x7f]+")
"""A model or a version: one segment of a path, however a model server decodes and shortens paths."""
_TICKET_PATH = re.compile(rb"/v1/tickets/([A-Za-z0-9_-]{1,128})(?:\?.*)?")
_TOKEN = re.compile(rb"[\x21-\x7e]+")


@dataclass(frozen=True)
class OfTicket:
    """Look a ticket up, or cancel it."""

    ticket: str
    cancel: bool


@dataclass(frozen=True)
class About:
    """A question about the proxy itself: `""` (metadata), `live` or `ready`."""

    what: str


Wish = Request | OfTicket | About | Answer
"""What a message asks for: a request is routed (POST) or asks about a model (GET); an answer refuses."""

_ABOUT = {b"/v2": "", b"/v2/": "", b"/v2/health/live": "live", b"/v2/health/ready": "ready"}


@dataclass(frozen=True)
class Named:
    """What the path of a model names: the model, perhaps its version, and what is wanted of it."""

    model: str
    version: str
    infer: bool


TARGETS_HELD_MAX = 1_024
TARGET_HELD_BYTES_MAX = 1_024
"""Targets remembered with what they name: 1 MiB of them."""


class Intake:
    """Reads what messages ask for; remembers the targets it has read."""

    __slots__ = ("_named",)

    def __init__(self) -> None:
        self._named: dict[bytes, Named] = {}

    def read_wish(self, message: Message, request_id: str) -> Wish:
        """What the message asks for, under the id that `request_id` gave it."""
        named = self._named.get(message.target)
        if named is not None:
            return _of_model(message, named, request_id)
        match = _MODEL_PATH.fullmatch(message.target)
        if match is None:
            return _of_proxy(message)
        read = _read_model(match)
        if isinstance(read, Answer):
            return read
        if len(message.target) <= TARGET_HELD_BYTES_MAX:
            if len(self._named) >= TARGETS_HELD_MAX:
                self._named = {}
            self._named[message.target] = read
        return _of_model(message, read, request_id)


def _read_model(match: re.Match[bytes]) -> Named | Answer:
    try:
        model, version = _segment(match[1]), _segment(match[2] or b"")
    except UnicodeDecodeError:
        return problem(400, "the model's name is not UTF-8")
    if not _NAME.fullmatch(model) or (version and not _NAME.fullmatch(version)):
        return problem(400, "a model's name or version is one segment of a path, and not '.' or '..'")
    return Named(model, version, match[3] == b"/infer")


def _of_proxy(message: Message) -> Wish:
    path = message.target.partition(b"?")[0]
    if path in _ABOUT:
        return About(_ABOUT[path]) if message.method in _READS else _wrong_method(message, "GET")
    match = _TICKET_PATH.fullmatch(message.target)
    if match is not None:
        if message.method in _TICKET_METHODS:
            return OfTicket(match[1].decode(), message.method == b"DELETE")
        return _wrong_method(message, "GET or DELETE")
    return problem(404, f"nothing at {_shown(path)}; models are at /v2/models/NAME/infer")


_READS = (b"GET", b"HEAD")
_TICKET_METHODS = (b"GET", b"HEAD", b"DELETE")


def _of_model(message: Message, named: Named, request_id: str) -> Wish:
    infer = named.infer
    if infer and message.method != b"POST":
        return _wrong_method(message, "POST")
    if not infer and message.method not in _READS:
        return _wrong_method(message, "GET")
    return _request(message, named, request_id)


def _request(message: Message, named: Named, request_id: str) -> Request | Answer:
    ours = message.ours
    deadline_s = _deadline(ours[b"penstock-deadline-ms"]) if b"penstock-deadline-ms" in ours else None
    if deadline_s is not None and math.isnan(deadline_s):
        return problem(400, "Penstock-Deadline-Ms is not a positive number of milliseconds")
    fallback = _fallback(ours) if ours else Fallback.QUEUE
    if fallback is None:
        return problem(400, "Penstock-Fallback knows 'none' and 'queue'")
    key = ours.get(b"idempotency-key", b"")
    if len(key) > IDEMPOTENCY_KEY_CHARS_MAX:
        return problem(400, f"Idempotency-Key is over {IDEMPOTENCY_KEY_CHARS_MAX} bytes")
    return Request(
        id=request_id,
        method=b"POST" if message.method == b"POST" else b"GET",
        target=message.target,
        model=named.model,
        version=named.version,
        block=message.block,
        coded=message.coded,
        body=message.body,
        arrived_s=message.arrived_s,
        deadline_s=deadline_s,
        fallback=fallback,
        idempotency_key=key.decode("latin-1"),
        caller=message.caller,
    )


def request_id(message: Message) -> str:
    """The caller's X-Request-Id where it is usable, else ''."""
    given = message.ours.get(b"x-request-id")
    if given and len(given) <= REQUEST_ID_CHARS_MAX and _TOKEN.fullmatch(given):
        return given.decode()
    return ""


def _segment(raw: bytes) -> str:
    return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()


def _deadline(value: bytes) -> float:
    """Seconds; NaN where the value is no positive number."""
    try:
        milliseconds = float(value) if b"_" not in value else math.nan  # Python's own way to write numbers
    except ValueError:
        return math.nan
    return milliseconds / 1000 if 0 < milliseconds < math.inf else math.nan


def _fallback(ours: dict[bytes, bytes]) -> Fallback | None:
    prefer = ours.get(b"prefer", b"")
    if prefer and b"respond-async" in (part.strip().lower() for part in prefer.split(b",")):
        return Fallback.AT_ONCE
    wanted = ours.get(b"penstock-fallback")
    if wanted is None:
        return Fallback.QUEUE
    return _FALLBACKS.get(wanted) or _FALLBACKS.get(wanted.strip().lower())


_FALLBACKS = {b"queue": Fallback.QUEUE, b"none": Fallback.NONE}


def _wrong_method(message: Message, allowed: str) -> Answer:
    text = f"{_shown(message.method)} is not for {_shown(message.target)}; use {allowed}"
    return problem(405, text, (b"Allow", allowed.replace(" or ", ", ").encode()))


def _shown(raw: bytes) -> str:
    return raw[:100].decode("ascii", "replace")

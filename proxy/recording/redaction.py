"""Bodies for a recording: which are kept, and what is taken out of them first. Pure.

A rule names JSON fields by path and says what becomes of them. Where there are rules, what cannot be parsed
is not kept at all: nobody could say what is in it. Never decides who may ask for bodies (`desk.py`).
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from labelers.content import Content
from labelers.errors import PayloadError

REMOVE, HASH, MASK = "remove", "hash", "mask"
ACTIONS = (REMOVE, HASH, MASK)
ANY = "*"
PARTS_MAX = 16
HASH_BYTES = 8
HASHED = "hash:"
FORM = "a rule is PATH, PATH=hash or PATH=mask: 'parameters.user', 'inputs.*.data=mask'"

LARGE, BINARY, UNPARSED = "large", "binary", "unparsed"
"""Why a body is withheld: over the limit; with a binary section, or no text, where that was not asked for;
not JSON, or compressed wrongly, where rules are to be applied."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`*` in a path is every item of a list, and every field of an object."""

    path: tuple[str, ...]
    action: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is recorded of a body: its text, or its bytes in base64, or why neither."""

    text: str | None = None
    base64: str | None = None
    json_bytes: int | None = None  # of its JSON, where a binary section follows
    withheld: str = ""


def read_rule(text: str) -> Rule:
    """`PATH`, `PATH=hash`, `PATH=mask`. Raises ValueError with what is wrong."""
    path, equals, action = text.partition("=")
    parts = tuple(path.split("."))
    if (equals and action not in ACTIONS) or len(parts) > PARTS_MAX or not all(parts):
        raise ValueError(f"{text!r}: {FORM}")
    return Rule(path=parts, action=action or REMOVE)


def kept(
    block: bytes, body: bytes, rules: Sequence[Rule], *, binary: bool, bytes_max: int, key: bytes
) -> Kept:
    """Of a body and its header fields. A compressed body is kept as what it was compressed from."""
    if len(body) > bytes_max:
        return Kept(withheld=LARGE)
    try:
        content = Content(block, body)
    except PayloadError:
        return Kept(withheld=UNPARSED)
    if len(content.body) > bytes_max:
        return Kept(withheld=LARGE)
    if content.json_bytes is not None and not binary:
        return Kept(withheld=BINARY)
    head = content.json_part()
    if rules:
        redacted = _redacted(head, rules, key)
        if redacted is None:
            return Kept(withheld=UNPARSED)
        head = redacted
    if content.json_bytes is not None:
        whole = head + bytes(content.binary_part())
        return Kept(base64=base64.b64encode(whole).decode(), json_bytes=len(head))
    try:
        return Kept(text=head.decode())
    except UnicodeDecodeError:
        return Kept(base64=base64.b64encode(head).decode()) if binary else Kept(withheld=BINARY)


def _redacted(head: bytes, rules: Sequence[Rule], key: bytes) -> bytes | None:
    """None where it cannot be parsed."""
    try:
        document = msgspec.json.decode(head)
        for rule in rules:
            document = _applied(document, rule.path, _replacing(rule.action, key))
        return msgspec.json.encode(None if document is _GONE else document)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


_GONE = object()
Replace = Callable[[Any], Any]


def _applied(found: Any, path: tuple[str, ...], replace: Replace) -> Any:
    """What stands in its place; `_GONE` where nothing does. A path that leads nowhere changes nothing."""
    if not path:
        return replace(found)
    name, rest = path[0], path[1:]
    if isinstance(found, dict):
        new = {
            each: _applied(value, rest, replace) if name in (ANY, each) else value
            for each, value in found.items()
        }
        return {each: value for each, value in new.items() if value is not _GONE}
    if isinstance(found, list):
        items = [
            _applied(item, rest, replace) if name in (ANY, str(place)) else item
            for place, item in enumerate(found)
        ]
        return [item for item in items if item is not _GONE]
    return found


def _replacing(action: str, key: bytes) -> Replace:
    if action == REMOVE:
        return lambda _: _GONE
    if action == MASK:
        return _masked
    return lambda value: HASHED + hashlib.blake2b(_text(value), digest_size=HASH_BYTES, key=key).hexdigest()


def _text(value: Any) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _masked(value: Any) -> Any:
    """As long and of the same shape, and nothing of what it said: texts, names of fields, numbers."""
    if isinstance(value, str):
        return "x" * len(value)
    if isinstance(value, dict):
        return {f"field{place}": _masked(each) for place, each in enumerate(value.values())}
    if isinstance(value, list):
        return [_masked(each) for each in value]
    return value if value is None else type(value)(0)

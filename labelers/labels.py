"""The label rule: what a labeler may yield, and its canonical form.

A label is an int or a word of 1 to 64 characters from `A-Za-z0-9._:/@+-`; the number 1125 and the word
"1125" are the same label. Everything else, and more than 64 of them, is nonsense. `"*"` is no label: a
request cannot claim to be every request. Hot path: about 1 µs for one label.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from types import GeneratorType
from typing import Any

from labelers.api import Payload
from labelers.errors import BadYield

Labeler = Callable[[Payload], Iterable[int | str]]
"""Reads a payload and yields labels."""

LABELS_MAX = 64
"""Labels that one labeler may yield for one request."""

INTEGER_BITS_MAX = 212
"""No integer of more bits than this has 64 digits or fewer."""

_INTEGER_END = 10**64

_WORD = re.compile(r"[A-Za-z0-9._:/@+-]{1,64}").fullmatch
_ITERABLES = (list, tuple, set, frozenset, GeneratorType)


HEAD = "head"
BODY = "body"
READS = (HEAD, BODY)
"""What a labeler may say in its attribute `reads`: that the head is enough for it, or (the default) not."""


def reads_head(labeler: Labeler) -> bool:
    """Whether the labeler says that it reads no more than the head: model, version, id and header fields."""
    return getattr(labeler, "reads", BODY) == HEAD


def head_only(labeler: Labeler) -> Labeler:
    """The labeler, which now says so."""
    labeler.reads = HEAD  # type: ignore[attr-defined]
    return labeler


def canonical(label: object) -> str:
    """The canonical form of a label. Raises `BadYield` where it is none."""
    kind = type(label)
    if kind is int and 0 <= label < _INTEGER_END:  # type: ignore[operator]
        return int.__repr__(label)
    if kind is str:
        word: Any = label
    elif kind is bool:
        raise BadYield("a bool is no label")
    elif isinstance(label, int):
        if label.bit_length() > INTEGER_BITS_MAX:
            raise BadYield("an integer of more than 64 digits is no label")
        return canonical(int.__repr__(label))
    elif isinstance(label, str):  # members of a StrEnum say
        word = str.__str__(label)
    else:
        raise BadYield(f"a value of type {kind.__name__} is no label")
    if _WORD(word) is None:
        raise BadYield(f"{word[:80]!r} is no label: 1 to 64 characters from A-Za-z0-9._:/@+- are")
    return word  # type: ignore[no-any-return]


def collect(labeler: Labeler, payload: Payload) -> list[str]:
    """Call `labeler` and gather what it yields, in order, canonical. Raises `BadYield`, and what it raises.

    An endless generator ends here at `LABELS_MAX`. The watchdog strikes only while this function is on
    the stack: all of the user's code runs below it.
    """
    yielded: Any = labeler(payload)
    if type(yielded) is tuple and len(yielded) == 1:
        return [canonical(yielded[0])]  # the commonest case, at once
    if not isinstance(yielded, _ITERABLES):
        yielded = _other_iterable(yielded)
    found: list[str] = []
    try:
        for label in yielded:
            if len(found) >= LABELS_MAX:
                raise BadYield(f"more than {LABELS_MAX} labels")
            found.append(canonical(label))
    finally:
        if type(yielded) is GeneratorType:
            yielded.close()  # its `finally` blocks are the user's code too: they run here, not at collection
    return found


def labels_of(value: object) -> tuple[str, ...]:
    """Labels as options write them: one, a list, or a comma string. Raises `BadYield`."""
    if isinstance(value, str):
        parts: Iterable[object] = [part.strip() for part in value.split(",")]
    elif isinstance(value, list | tuple):
        parts = value
    else:
        parts = [value]
    return tuple(dict.fromkeys(canonical(part) for part in parts))


def _other_iterable(yielded: object) -> Iterable[object]:
    if inspect.iscoroutine(yielded):
        yielded.close()  # else Python warns that nobody awaited it
        raise BadYield("a coroutine: a labeler is a plain function, not an async one")
    if (
        yielded is None
        or isinstance(yielded, str | bytes | bytearray | dict)
        or not isinstance(yielded, Iterable)
    ):
        raise BadYield(f"a labeler yields labels in a list or the like, not a {type(yielded).__name__}")
    return yielded

"""What an object holds, and which objects are left: measured from outside, whatever they are called."""

import gc
import sys
from collections import Counter, deque

PLAIN = (list, tuple, dict, set, deque)


def bytes_held(owner: object) -> int:
    """The bytes in all strings of bytes that can be reached from `owner` through the proxy's own objects."""
    seen: set[int] = {id(owner)}
    todo: list[object] = [owner]
    total = 0
    while todo:
        for each in gc.get_referents(todo.pop()):
            if id(each) in seen:
                continue
            seen.add(id(each))
            if isinstance(each, bytes | bytearray):
                total += sys.getsizeof(each)
            elif isinstance(each, PLAIN) or _is_state(each):
                todo.append(each)
    return total


def _is_state(each: object) -> bool:
    """An object of a connection, and not what all connections share."""
    kind = type(each)
    return kind.__module__.startswith(("proxy.", "httptools.")) and kind.__name__ not in (
        "AnswerReader",
        "EdgeLimits",
        "Meters",
        "RequestReader",
        "Service",
    )


REMEMBERED = ("Line", "Named")
"""What readers keep of heads and targets, up to limits of their own."""


def census() -> Counter[str]:
    """How many objects of the proxy's classes exist, after a collection."""
    gc.collect()
    kinds = (type(each) for each in gc.get_objects())
    ours = (kind for kind in kinds if str(kind.__module__).startswith("proxy."))
    return Counter(kind.__qualname__ for kind in ours if kind.__name__ not in REMEMBERED)

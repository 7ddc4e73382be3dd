"""Places in a JSON document, written `parameters.label` or `inputs[0].data[1]`: names and [indices]."""

import re
from typing import Any

STEPS_MAX = 32

_STEP = re.compile(r"(?:^|(?<=.)\.)([^.\[\]]+)|\[(\d{1,9})\]")

Place = tuple[str | int, ...]
"""Member names and list indices, outermost first."""


def parse_place(text: str) -> Place:
    """Parse a place. Raises `ValueError` with what is wrong."""
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(
                f"'{text}' is no path: names joined by dots, and [n] for the n-th of a list, are"
            )
        name, index = match.groups()
        steps.append(int(index) if name is None else name)
        at = match.end()
    if not steps or len(steps) > STEPS_MAX:
        raise ValueError(f"a path has 1 to {STEPS_MAX} steps")
    return tuple(steps)


def find(document: Any, place: Place) -> Any:
    """What stands at `place`; None where nothing does (or a null)."""
    for step in place:
        if type(step) is str:
            if type(document) is not dict:
                return None
            document = document.get(step)
        elif type(document) is list and step < len(document):  # type: ignore[operator]
            document = document[step]  # type: ignore[index]
        else:
            return None
    return document

"""Readers: from a node of the document to a checked value of one kind, or a problem with its line.

Each reader states its rule twice from the same limits: `read` for the parser, `schema` (JSON Schema,
draft 2020-12) for editors. None of them knows which key it reads for, nor what else stands in the table.
"""

import math
import re
from typing import Any, Protocol, TypeVar

from proxy.routing.document import Items, Node, Scalar, kind
from proxy.routing.problems import Reports, nearest

Schema = dict[str, Any]
T_co = TypeVar("T_co", covariant=True)

REFERENCE = {"type": "string", "pattern": r"\$\{"}
"""In a schema: a string with a `${NAME}` in it, which only the parser can judge."""

TIME_MS_MAX = 600_000
"""Ten minutes: the longest time that a table may state."""

NUMBER_MAX = 1e9
WHOLE_MAX = 1_000_000_000


class Reader(Protocol[T_co]):
    """Reads one value; None when it is wrong, which has then been reported."""

    def read(self, node: Node, reports: Reports) -> T_co | None:
        """The value of `node`."""
        ...

    def schema(self) -> Schema:
        """The same rule as JSON Schema."""
        ...


class Number:
    """A finite number, not a bool, not a string."""

    def __init__(self, *, above: float | None = None, least: float | None = None, most: float) -> None:
        self._above = above
        self._least = least
        self._most = most

    def read(self, node: Node, reports: Reports) -> float | None:
        value = node.value if isinstance(node, Scalar) else None
        if isinstance(node, Scalar) and node.broken:
            return None
        if type(value) not in (int, float) or not isinstance(value, int | float):
            reports.add(node.line, f"a number is wanted here, not {kind(node)}")
        elif not math.isfinite(value):
            reports.add(node.line, f"{kind(node)} is not a finite number")
        elif self._above is not None and value <= self._above:
            reports.add(node.line, f"{kind(node)} is too small", f"it must be above {self._above:g}")
        elif self._least is not None and value < self._least:
            reports.add(node.line, f"{kind(node)} is too small", f"at least {self._least:g}")
        elif value > self._most:
            reports.add(node.line, f"{kind(node)} is too large", f"at most {self._most:.12g}")
        else:
            return float(value)
        return None

    def schema(self) -> Schema:
        schema: Schema = {"type": "number", "maximum": self._most}
        if self._above is not None:
            schema["exclusiveMinimum"] = self._above
        if self._least is not None:
            schema["minimum"] = self._least
        return schema


class Milliseconds:
    """A time above 0, at most ten minutes; read as seconds."""

    _number = Number(above=0, most=TIME_MS_MAX)

    def read(self, node: Node, reports: Reports) -> float | None:
        value_ms = self._number.read(node, reports)
        return None if value_ms is None else value_ms / 1000

    def schema(self) -> Schema:
        return self._number.schema()


class Whole:
    """A whole number, not a bool; 3.0 is not one."""

    def __init__(self, *, least: int, most: int = WHOLE_MAX) -> None:
        self._least = least
        self._most = most

    def read(self, node: Node, reports: Reports) -> int | None:
        if isinstance(node, Scalar) and node.broken:
            return None
        if not isinstance(node, Scalar) or type(node.value) is not int:
            reports.add(node.line, f"a whole number is wanted here, not {kind(node)}")
            return None
        if not self._least <= node.value <= self._most:
            bounds = f"from {self._least} to {self._most}"
            reports.add(node.line, f"{node.shown} is out of range", bounds)
            return None
        return node.value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self._least, "maximum": self._most}


class Flag:
    """True or false."""

    def read(self, node: Node, reports: Reports) -> bool | None:
        if isinstance(node, Scalar):
            if node.broken:
                return None
            if isinstance(node.value, bool):
                return node.value
        reports.add(node.line, f"{kind(node)} is neither true nor false")
        return None

    def schema(self) -> Schema:
        return {"type": "boolean"}


class Text:
    """A string that matches a pattern; `what` names it in problems ('a model name')."""

    def __init__(self, pattern: str, *, what: str, hint: str) -> None:
        self._pattern = re.compile(pattern, re.ASCII)
        self._what = what
        self._hint = hint

    def read(self, node: Node, reports: Reports) -> str | None:
        if isinstance(node, Scalar):
            if node.broken:
                return None
            if isinstance(node.value, str) and self._pattern.fullmatch(node.value):
                return node.value
        reports.add(node.line, f"{kind(node)} is not {self._what}", self._hint)
        return None

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": f"^(?:{self._pattern.pattern})$"}, REFERENCE]}


class Choice:
    """One of a few words; `what` names it in problems."""

    def __init__(self, *words: str, what: str) -> None:
        self._words = words
        self._what = what

    def read(self, node: Node, reports: Reports) -> str | None:
        if isinstance(node, Scalar):
            if node.broken:
                return None
            if node.value in self._words:
                return node.text
        text = node.text if isinstance(node, Scalar) else ""
        reports.add(node.line, f"{kind(node)} is not {self._what}", nearest(text, self._words))
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": list(self._words)}, REFERENCE]}


class Many:
    """A list of values of one kind, or one such value in place of a list of one."""

    def __init__(self, reader: Reader[Any], *, most: int, what: str) -> None:
        self._reader = reader
        self._most = most
        self._what = what

    def read(self, node: Node, reports: Reports) -> tuple[Any, ...] | None:
        nodes = node.nodes if isinstance(node, Items) else (node,)
        if not nodes:
            reports.add(node.line, f"the list of {self._what} is empty", "name at least one")
            return None
        if len(nodes) > self._most:
            reports.add(node.line, f"{len(nodes)} {self._what} are too many", f"at most {self._most}")
            return None
        values: dict[Any, int] = {}
        for item in nodes:
            value = self._reader.read(item, reports)
            if value is not None and value in values:
                reports.add(item.line, f"{kind(item)} stands here twice", f"first on line {values[value]}")
            elif value is not None:
                values[value] = item.line
        return tuple(values) if len(values) == len(nodes) else None

    def schema(self) -> Schema:
        one = self._reader.schema()
        return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1, "maxItems": self._most}]}

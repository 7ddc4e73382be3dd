"""Readers of what only plans have: lists of numbers, commands, header fields, thresholds, mixes, and kinds.

As `proxy/routing/readers.py`: each states its rule for the parser and as JSON Schema.
"""

import re
from typing import Any

from proxy.routing.document import Items, Node, Pairs, Scalar, kind
from proxy.routing.problems import Reports, nearest
from proxy.routing.readers import Number, Schema, Text
from proxy.routing.section import Section
from sim.replay.threshold import ALL, FORM, read_threshold

VALUES_MAX = 1_000
DAYS_S = 40 * 86_400.0

RATE = Number(least=0, most=10_000_000)
POSITIVE = Number(above=0, most=1_000_000)
SECONDS = Number(above=0, most=DAYS_S)
TIME = Number(least=0, most=DAYS_S)
WORDS = Text(r"[^\x00-\x1f]{1,1000}", what="a text", hint="1 to 1000 characters on one line")
NAME = Text(
    r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}",
    what="a name",
    hint="1 to 64 of the characters A-Z a-z 0-9 . _ + -, quoted if a number: files are called so",
)


class Identifier:
    """An application of the table: a number or a word, read as the word."""

    pattern = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"

    def read(self, node: Node, reports: Reports) -> str | None:
        if isinstance(node, Scalar) and re.fullmatch(self.pattern, node.text):
            return node.text
        reports.add(node.line, f"{kind(node)} is no application", "as the table names it")
        return None

    def schema(self) -> Schema:
        return {"type": ["string", "integer"]}


class Values:
    """A list of numbers."""

    def read(self, node: Node, reports: Reports) -> tuple[float, ...] | None:
        if not isinstance(node, Items) or not 1 <= len(node.nodes) <= VALUES_MAX:
            reports.add(node.line, f"a list of 1 to {VALUES_MAX} numbers is wanted here, not {kind(node)}")
            return None
        found = [RATE.read(item, reports) for item in node.nodes]
        return None if None in found else tuple(each for each in found if each is not None)

    def schema(self) -> Schema:
        return {"type": "array", "items": RATE.schema(), "minItems": 1, "maxItems": VALUES_MAX}


class Command:
    """A command and its arguments, as a list of words: no shell reads it."""

    def read(self, node: Node, reports: Reports) -> tuple[str, ...] | None:
        if not isinstance(node, Items) or not 1 <= len(node.nodes) <= VALUES_MAX:
            reports.add(
                node.line, f"a list of words is wanted here, not {kind(node)}", "[pkill, -STOP, name]"
            )
            return None
        wrong = [item for item in node.nodes if not isinstance(item, Scalar)]
        for item in wrong:
            reports.add(item.line, f"a word is wanted here, not {kind(item)}")
        return None if wrong else tuple(item.text for item in node.nodes if isinstance(item, Scalar))

    def schema(self) -> Schema:
        return {
            "type": "array",
            "items": {"type": ["string", "number"]},
            "minItems": 1,
            "maxItems": VALUES_MAX,
        }


class Fields:
    """Header fields: names and values."""

    def read(self, node: Node, reports: Reports) -> tuple[tuple[str, str], ...] | None:
        if not isinstance(node, Pairs):
            reports.add(node.line, f"a mapping is wanted here, not {kind(node)}", "Name: value")
            return None
        values = [(key, WORDS.read(value, reports)) for key, value in node.pairs]
        return tuple((key.text, value) for key, value in values if value is not None)

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": WORDS.schema()}


class Thresholds:
    """`class: [threshold, ...]`; read as (class's node, threshold) pairs."""

    def read(self, node: Node, reports: Reports) -> list[tuple[Scalar, Any]] | None:
        if not isinstance(node, Pairs):
            reports.add(
                node.line, f"a mapping is wanted here, not {kind(node)}", f"CLASS or {ALL}: [p99 < 100ms]"
            )
            return None
        found = []
        for key, value in node.pairs:
            for item in value.nodes if isinstance(value, Items) else (value,):
                said = (
                    read_threshold(item.text, key.text, item.line) if isinstance(item, Scalar) else kind(item)
                )
                if isinstance(said, str):
                    reports.add(item.line, said, FORM)
                else:
                    found.append((key, said))
        return found

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}}


class Mix:
    """Weights by class; read as (class's node, weight) pairs."""

    def read(self, node: Node, reports: Reports) -> tuple[tuple[Scalar, float], ...] | None:
        if not isinstance(node, Pairs):
            reports.add(node.line, f"a mapping is wanted here, not {kind(node)}", "CLASS: weight")
            return None
        read = [(key, RATE.read(value, reports)) for key, value in node.pairs]
        found = tuple((key, weight) for key, weight in read if weight is not None)
        if len(found) == len(read) and not sum(weight for _, weight in found) > 0:
            reports.add(node.line, "no weight is above 0", "one class at least has requests")
        return found

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": RATE.schema(), "minProperties": 1}


class OneOf:
    """A mapping whose `kind` says which section it is; read as (kind, values, mapping)."""

    def __init__(self, what: str, sections: dict[str, Section]) -> None:
        self._what = what
        self._sections = sections

    def read(self, node: Node, reports: Reports) -> tuple[str, dict[str, Any], Pairs] | None:
        if not isinstance(node, Pairs):
            reports.add(node.line, f"{self._what} is a mapping, not {kind(node)}", "{kind: ...}")
            return None
        said = next((value for key, value in node.pairs if key.text == "kind"), None)
        word = said.text if isinstance(said, Scalar) else ""
        section = self._sections.get(word)
        if section is None:
            line = said.line if said is not None else node.line
            reports.add(line, f"{word!r} is no kind of {self._what}", nearest(word, self._sections))
            return None
        rest = Pairs(line=node.line, pairs=tuple(pair for pair in node.pairs if pair[0].text != "kind"))
        values = section.read(rest, reports)
        return (word, values, rest) if values is not None and section.suffices(values) else None

    def schema(self) -> Schema:
        found = []
        for word, section in self._sections.items():
            schema = section.schema()
            schema["properties"] = {"kind": {"const": word}, **schema["properties"]}
            schema["required"] = ["kind", *schema["required"]]
            found.append(schema)
        return {"oneOf": found}

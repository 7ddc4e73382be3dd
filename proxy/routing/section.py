"""Sections: mappings with known keys. One definition serves the parser and the JSON Schema.

Reports unknown, missing and wrong keys, and reads on: all problems of a table come out at once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from proxy.routing.document import Items, Node, Pairs, Scalar, kind
from proxy.routing.problems import Reports, nearest
from proxy.routing.readers import Reader, Schema


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a section. `meaning` gives its unit and default; it ends up in the schema."""

    name: str
    reader: Reader[Any]
    meaning: str
    required: bool = False


class Section:
    """A mapping with these keys; an `open` one keeps unknown keys too, as somebody else's options."""

    def __init__(
        self, what: str, *keys: Key, is_open: bool = False, needs: Mapping[str, str] | None = None
    ) -> None:
        self.what = what
        self.keys = {key.name: key for key in keys}
        self.is_open = is_open
        self.needs = needs or {}  # a key that means nothing without the other

    def read(self, node: Node, reports: Reports) -> dict[str, Any] | None:
        """The values of the keys that are there and right; None when `node` is not a mapping."""
        reports = reports.of("")
        if not isinstance(node, Pairs):
            if not (isinstance(node, Scalar) and node.broken):
                reports.add(node.line, f"{self.what} is a mapping, not {kind(node)}", self._form())
            return None
        values: dict[str, Any] = {}
        for name, value in node.pairs:
            key = self.keys.get(name.text)
            if key is not None:
                values[key.name] = key.reader.read(value, reports.of(key.name))
            elif not self.is_open:
                self._unknown(name, value, reports)
        self._missing(node, reports)
        return {name: value for name, value in values.items() if value is not None}

    def suffices(self, values: dict[str, Any]) -> bool:
        """Whether every required key is among `values`."""
        return all(key.name in values for key in self.keys.values() if key.required)

    def schema(self) -> Schema:
        """The section as JSON Schema."""
        schema: Schema = {
            "type": "object",
            "properties": {
                key.name: {"description": key.meaning, **key.reader.schema()} for key in self.keys.values()
            },
            "required": [key.name for key in self.keys.values() if key.required],
            "additionalProperties": self.is_open,
        }
        if self.needs:
            schema["dependentRequired"] = {key: [other] for key, other in self.needs.items()}
        return schema

    def _unknown(self, name: Scalar, value: Node, reports: Reports) -> None:
        if isinstance(value, Scalar) and value.text == "" and value.value is None and name.value != name.text:
            # `{label: 1,44}`: in a flow mapping the comma ends the value, and 44 becomes a key.
            reports.add(
                name.line, f"unknown key {name.shown} in {self.what}", 'quote lists with commas: "1,44"'
            )
        else:
            hint = nearest(name.text, self.keys)
            reports.add(name.line, f"unknown key {name.shown} in {self.what}", hint)

    def _missing(self, node: Pairs, reports: Reports) -> None:
        there = {name.text for name, _ in node.pairs}
        for key in self.keys.values():
            if key.required and key.name not in there:
                reports.add(node.line, f"{self.what} has no {key.name}", key.meaning)
        for name, other in self.needs.items():
            if name in there and other not in there:
                reports.add(node.line, f"{name} means nothing without {other}", "state both")

    def _form(self) -> str:
        return f"keys: {', '.join(self.keys)}"


class ListOf:
    """A list of sections; read as (node, values) per entry that is a mapping."""

    def __init__(self, section: Section, *, least: int, most: int) -> None:
        self._section = section
        self._least = least
        self._most = most

    def read(self, node: Node, reports: Reports) -> list[tuple[Pairs, dict[str, Any]]] | None:
        if not isinstance(node, Items):
            reports.add(
                node.line, f"a list is wanted here, not {kind(node)}", f"each entry is {self._section.what}"
            )
            return None
        if not self._least <= len(node.nodes) <= self._most:
            reports.add(
                node.line, f"{len(node.nodes)} entries", f"from {self._least} to {self._most} are allowed"
            )
            return None
        entries = []
        for item in node.nodes:
            values = self._section.read(item, reports)
            if values is not None and isinstance(item, Pairs):
                entries.append((item, values))
        return entries

    def schema(self) -> Schema:
        items = self._section.schema()
        return {"type": "array", "items": items, "minItems": self._least, "maxItems": self._most}


class MapOf:
    """A mapping from ids to sections; read as (key, values) per entry, values None where it is no mapping."""

    def __init__(self, section: Section, identifier: Reader[str], *, pattern: str, most: int) -> None:
        self._section = section
        self._identifier = identifier
        self._pattern = pattern
        self._most = most

    def read(self, node: Node, reports: Reports) -> list[tuple[Scalar, dict[str, Any] | None]] | None:
        if not isinstance(node, Pairs):
            reports.add(node.line, f"a mapping is wanted here, not {kind(node)}", f"id: {self._section.what}")
            return None
        if not 1 <= len(node.pairs) <= self._most:
            reports.add(node.line, f"{len(node.pairs)} entries", f"from 1 to {self._most} are allowed")
            return None
        entries = []
        for key, value in node.pairs:
            identifier = self._identifier.read(key, reports)
            values = self._section.read(value, reports)
            if identifier is not None:
                entries.append((key, values))
        return entries

    def schema(self) -> Schema:
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{self._pattern}$"},
            "additionalProperties": self._section.schema(),
            "minProperties": 1,
            "maxProperties": self._most,
        }

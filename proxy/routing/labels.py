"""Labels and ids as a table writes them: numbers, words, lists, or one comma string.

The canonical form is text: the number 1125 and the word "1125" are the same label. Labels go into
response headers, so they keep to characters that are safe there.
"""

import re

from proxy.routing.document import Items, Node, Scalar, kind
from proxy.routing.problems import Reports
from proxy.routing.readers import REFERENCE, Schema
from proxy.routing.scalars import quoted
from proxy.routing.table import ANY

LABEL = r"[A-Za-z0-9._:/@+-]{1,64}"
LABELS_MAX = 1_000
"""Labels in one place of a table."""

_LABEL = re.compile(LABEL, re.ASCII)
_ALLOWED = "1 to 64 of the characters A-Z a-z 0-9 . _ : / @ + -"


class Word:
    """One label or id: a number or a word; `what` names it in problems."""

    def __init__(self, what: str) -> None:
        self._what = what

    def read(self, node: Node, reports: Reports) -> str | None:
        if not isinstance(node, Scalar):
            reports.add(node.line, f"{kind(node)} is not {self._what}", "a number or a word is")
            return None
        if node.broken:
            return None
        if isinstance(node.value, str):
            return checked(node.value, node, self._what, reports)
        if type(node.value) is int and str(node.value) == node.text:
            return checked(node.text, node, self._what, reports)
        hint = "quote it if the word is meant" if node.value is not None else ""
        reports.add(node.line, f"{kind(node)} is not {self._what}", hint)
        return None

    def schema(self) -> Schema:
        return {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^{LABEL}$"}, REFERENCE]}


class Labels:
    """A set of labels in the order written. `starred`: `"*"` is allowed; `empty`: none at all is."""

    def __init__(self, *, starred: bool = False, empty: bool = False) -> None:
        self._starred = starred
        self._empty = empty

    def read(self, node: Node, reports: Reports) -> tuple[str, ...] | None:
        if isinstance(node, Items):
            labels = [self._one(item, reports) for item in node.nodes]
        elif isinstance(node, Scalar) and isinstance(node.value, str) and not node.broken:
            labels = [self._part(part.strip(), node, reports) for part in node.value.split(",")]
        else:
            labels = [_LABEL_WORD.read(node, reports)]
        if not labels and not self._empty:
            reports.add(node.line, "no label", "name at least one")
            return None
        if len(labels) > LABELS_MAX:
            reports.add(node.line, f"{len(labels)} labels are too many", f"at most {LABELS_MAX}")
            return None
        return None if None in labels else tuple(dict.fromkeys(filter(None, labels)))

    def schema(self) -> Schema:
        one = f"{LABEL}|\\*" if self._starred else LABEL
        listed: Schema = {
            "type": "array",
            "items": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": f"^({one})$"}, REFERENCE]},
            "maxItems": LABELS_MAX,
        }
        if not self._empty:
            listed["minItems"] = 1
        comma = {"type": "string", "pattern": rf"^\s*({one})\s*(,\s*({one})\s*)*$"}
        return {"anyOf": [{"type": "integer"}, comma, REFERENCE, listed]}

    def _one(self, node: Node, reports: Reports) -> str | None:
        if self._starred and isinstance(node, Scalar) and node.value == ANY:
            return ANY
        return _LABEL_WORD.read(node, reports)

    def _part(self, text: str, node: Scalar, reports: Reports) -> str | None:
        if self._starred and text == ANY:
            return ANY
        if not text:
            reports.add(node.line, f"an empty label in {node.shown}", "remove the comma too many")
            return None
        return checked(text, node, "a label", reports)


def checked(text: str, node: Scalar, what: str, reports: Reports) -> str | None:
    """`text` if it keeps to a label's characters; `node` is where it stands."""
    if _LABEL.fullmatch(text):
        return text
    shown = node.shown if node.filled else quoted(text)
    reports.add(node.line, f"{shown} is not {what}", _ALLOWED)
    return None


_LABEL_WORD = Word("a label")

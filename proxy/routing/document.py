"""YAML as a tree of plain values that know their line. Refuses what a table never needs.

Scalars follow YAML 1.2's core schema (`no` is a word, `1:30` is a word, `010` is ten). Tags, objects,
merge keys and second documents are refused; size, depth and alias expansion are bounded. Never decides
what a key means.
"""

import re
from collections.abc import Mapping

import msgspec
import yaml

from proxy.routing.environment import Substitution, substitute
from proxy.routing.problems import Reports
from proxy.routing.scalars import Plain, quoted, resolve

TABLE_BYTES_MAX = 8 * 1024 * 1024
TABLE_BEGINS = "a table begins with 'version: 1'"
DEPTH_MAX = 32
NODES_MAX = 2_500_000
"""Values in one document: 100,000 rows with a few labels each, and as much again."""

ALIAS_NODES_MAX = 100_000
"""Values that aliases (`*name`) may stand for, all of them together: an alias of aliases can be a bomb."""


class Scalar(msgspec.Struct, frozen=True, kw_only=True):
    """A single value. `shown` is how problems quote it: as written, so never what a `${NAME}` stood for."""

    line: int
    text: str
    value: Plain
    shown: str
    filled: bool = False  # a `${NAME}` stood in it: its text may be a secret
    broken: bool = False  # already reported: whoever reads it adds no second problem


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """A list."""

    line: int
    nodes: "tuple[Node, ...]"


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """A mapping in the order written; its keys differ by their text."""

    line: int
    pairs: "tuple[tuple[Scalar, Node], ...]"

    def line_of(self, name: str) -> int:
        """Where the value of a key stands, else the mapping itself."""
        return next((value.line for key, value in self.pairs if key.text == name), self.line)


Node = Scalar | Items | Pairs


def compose(
    source: bytes, environ: Mapping[str, str], reports: Reports, begins: str = TABLE_BEGINS
) -> Node | None:
    """The document's root with `${NAME}` filled in; None when there is none to read on with (reported).

    `begins`: how such a document begins, as a hint for an empty one.
    """
    text = _decode(source, reports)
    if text is None:
        return None
    composer = _Composer(environ, reports)
    try:
        # libyaml: a table of 10,000 rows in a tenth of the time that the Python parser takes.
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if not composer.take(event):
                return None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else 1
        reports.add(line, f"not YAML: {said}", _yaml_hint(text, line))
        return None
    root = composer.root
    if root is None or (isinstance(root, Scalar) and root.value is None):
        reports.add(1, "the file is empty", begins)
        return None
    return root


def _yaml_hint(text: str, line: int) -> str:
    """What is probably wrong with a line that libyaml stopped at, in words that it does not have."""
    written = _LINE_END.split(text)[line - 1 : line]
    for pattern, hint in _SLIPS:
        if written and pattern.search(written[0]):
            return hint
    return ""


def builtins(node: Node) -> object:
    """The tree as plain Python values; keys are text."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [builtins(item) for item in node.nodes]
        case _:
            return {key.text: builtins(value) for key, value in node.pairs}


def is_broken(node: Node) -> bool:
    """Whether a value within `node` was reported while the document was read."""
    match node:
        case Scalar():
            return node.broken
        case Items():
            return any(is_broken(item) for item in node.nodes)
        case _:
            return any(is_broken(value) for _, value in node.pairs)


def kind(node: Node) -> str:
    """What a node is, for messages: 'a list', 'a mapping', or the value as written."""
    match node:
        case Scalar():
            return "nothing" if node.value is None else node.shown
        case Items():
            return "a list"
        case _:
            return "a mapping"


# Everything YAML counts as unprintable, and the separators that editors do not count as line ends.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_LINE_END = re.compile("\r\n|\r|\n")

# Slips that are made often, the surest first: what the line looks like, and what to do.
_SLIPS = (
    (re.compile(r"^ *\t"), "indent with spaces, not with a tab"),
    (re.compile(r"[:\[,]\s*\*\s*(?:[,}\]#]|$)"), 'quote it: "*"'),
    (re.compile(r"[\[{][^\"'#]*\$\{"), 'quote what holds a variable: "${NAME}"'),
)


def _decode(source: bytes, reports: Reports) -> str | None:
    if len(source) > TABLE_BYTES_MAX:
        reports.add(1, f"{len(source)} bytes are too many", f"at most {TABLE_BYTES_MAX}")
        return None
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        reports.add(line, f"byte 0x{source[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        return None
    found = list(_CONTROL.finditer(text))
    for match in found:
        line = len(_LINE_END.findall(text, 0, match.start())) + 1
        reports.add(line, f"control character U+{ord(match.group()):04X}", "remove it")
        if len(reports.found) >= _CONTROLS_REPORTED_MAX:
            break
    return None if found else text


_CONTROLS_REPORTED_MAX = 100


class _Frame:
    """A list or mapping whose end has not come yet; a mapping's children are its keys and values in turn."""

    __slots__ = ("anchor", "children", "first_node", "height", "is_mapping", "line")

    def __init__(self, *, line: int, is_mapping: bool, anchor: str | None, first_node: int) -> None:
        self.line = line
        self.is_mapping = is_mapping
        self.anchor = anchor
        self.first_node = first_node
        self.height = 1  # levels that it spans so far, aliases included
        self.children: list[Node] = []


class _Composer:
    """Builds the tree from the parser's events, one by one, without recursion."""

    def __init__(self, environ: Mapping[str, str], reports: Reports) -> None:
        self.root: Node | None = None
        self._environ = environ
        self._reports = reports
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int, int]] = {}  # value, size, height
        self._nodes = 0  # aliases count as all that they stand for
        self._aliased = 0

    def take(self, event: yaml.Event) -> bool:
        """Add one event; False when reading on would be of no use (reported)."""
        mark = event.start_mark
        assert mark is not None
        line = mark.line + 1
        match event:
            case yaml.ScalarEvent():
                self._refuse_tag(event, line)
                self._add(self._scalar(event, line), event.anchor, self._nodes, 0)
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                return self._begin(event, line)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                frame = self._open.pop()
                node = self._pairs(frame) if frame.is_mapping else _items(frame)
                self._add(node, frame.anchor, frame.first_node, frame.height)
            case yaml.AliasEvent():
                return self._alias(event.anchor or "", line)
            case yaml.DocumentStartEvent() if self.root is not None:
                return self._stop(line, "a second document begins", "a table is one document")
        return self._nodes <= NODES_MAX or self._stop(line, "too many values", f"at most {NODES_MAX}")

    def _stop(self, line: int, message: str, hint: str) -> bool:
        self._reports.add(line, message, hint)
        return False

    def _too_deep(self, line: int) -> bool:
        return self._stop(line, "nested too deeply", f"at most {DEPTH_MAX} levels")

    def _begin(self, event: yaml.CollectionStartEvent, line: int) -> bool:
        self._refuse_tag(event, line)
        if len(self._open) >= DEPTH_MAX:
            return self._too_deep(line)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        frame = _Frame(line=line, is_mapping=is_mapping, anchor=event.anchor, first_node=self._nodes)
        self._open.append(frame)
        return True

    def _add(self, node: Node, anchor: str | None, first_node: int, height: int) -> None:
        self._nodes += 1
        if anchor is not None:
            self._anchors[anchor] = (node, self._nodes - first_node, height)
        if self._open:
            parent = self._open[-1]
            parent.children.append(node)
            parent.height = max(parent.height, height + 1)
        else:
            self.root = node

    def _alias(self, name: str, line: int) -> bool:
        # An anchor is known only once its value is whole, so an alias within its own value finds none.
        if name not in self._anchors:
            return self._stop(line, f"alias *{name} has no anchor before it", f"define it with &{name}")
        node, nodes, height = self._anchors[name]
        self._aliased += nodes
        if self._aliased > ALIAS_NODES_MAX:
            return self._stop(
                line, "aliases stand for too many values", f"at most {ALIAS_NODES_MAX} in one file"
            )
        if len(self._open) + height > DEPTH_MAX:
            return self._too_deep(line)
        self._nodes += nodes - 1
        self._add(msgspec.structs.replace(node, line=line), None, self._nodes, height)
        return True

    def _refuse_tag(self, event: yaml.NodeEvent, line: int) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._reports.add(line, f"tag {quoted(tag)}", "tags are not allowed in a table")

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        raw = event.value
        plain = event.implicit[0]
        shown = quoted(raw, plain=plain)
        if self._is_key() or "${" not in raw:
            return Scalar(line=line, text=raw, value=resolve(raw) if plain else raw, shown=shown)
        filled = substitute(raw, self._environ)
        if isinstance(filled, Substitution):
            return Scalar(line=line, text=filled.text, value=filled.text, shown=shown, filled=True)
        for problem in filled:
            self._reports.add(line, *problem)
        return Scalar(line=line, text="", value="", shown=shown, filled=True, broken=True)

    def _is_key(self) -> bool:
        return bool(self._open) and self._open[-1].is_mapping and len(self._open[-1].children) % 2 == 0

    def _pairs(self, frame: _Frame) -> Pairs:
        first: dict[str, int] = {}
        pairs = []
        for key, value in zip(frame.children[::2], frame.children[1::2], strict=True):
            if not isinstance(key, Scalar):
                self._reports.add(key.line, f"{kind(key)} stands as a key", "a key is a word or a number")
            elif key.text in first:
                self._reports.add(
                    key.line, f"key {key.shown} stands here twice", f"first on line {first[key.text]}"
                )
            else:
                first[key.text] = key.line
                pairs.append((key, value))
        return Pairs(line=frame.line, pairs=tuple(pairs))


def _items(frame: _Frame) -> Items:
    return Items(line=frame.line, nodes=tuple(frame.children))

"""Header fields that a table adds to each call of an application: credentials, mostly.

Problems name the field and never its value.
"""

import re

from proxy.routing.document import Node, Pairs, Scalar, kind
from proxy.routing.problems import Reports
from proxy.routing.readers import Schema

FIELDS_MAX = 64
VALUE_CHARACTERS_MAX = 8_192

_FIELD_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}"  # RFC 9110, section 5.6.2
_NAME = re.compile(_FIELD_NAME, re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)
REFUSED = (
    *("connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate"),
    *("proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
)
"""Fields of one connection, or made by the proxy itself."""

Field = tuple[bytes, bytes]


class HeaderFields:
    """A mapping of field names to values."""

    def read(self, node: Node, reports: Reports) -> tuple[Field, ...] | None:
        if not isinstance(node, Pairs):
            reports.add(node.line, f"header fields are a mapping, not {kind(node)}", "{Name: value}")
            return None
        if len(node.pairs) > FIELDS_MAX:
            reports.add(node.line, f"{len(node.pairs)} header fields are too many", f"at most {FIELDS_MAX}")
            return None
        fields = [_field(key, value, reports) for key, value in node.pairs]
        names: dict[str, int] = {}
        for key, _ in node.pairs:
            name = key.text.lower()
            if name in names:
                reports.add(key.line, f"header {key.shown} stands here twice", f"first on line {names[name]}")
            names.setdefault(name, key.line)
        return None if None in fields else tuple(filter(None, fields))

    def schema(self) -> Schema:
        refused = "|".join("".join(f"[{c}{c.upper()}]" if c != "-" else c for c in name) for name in REFUSED)
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^{_FIELD_NAME}$", "not": {"pattern": f"^({refused})$"}},
            "additionalProperties": {"type": "string", "maxLength": VALUE_CHARACTERS_MAX},
            "maxProperties": FIELDS_MAX,
        }


def _field(key: Scalar, value: Node, reports: Reports) -> Field | None:
    wrong = _wrong_name(key) or _wrong_value(key, value)
    if wrong is not None:
        reports.add(key.line, *wrong)
        return None
    assert isinstance(value, Scalar)
    return None if value.broken else (key.text.encode("ascii"), value.text.strip(" \t").encode("ascii"))


def _wrong_name(key: Scalar) -> tuple[str, str] | None:
    if not _NAME.fullmatch(key.text):
        return f"{key.shown} is not a header's name", "letters, digits and hyphens"
    if key.text.lower() in REFUSED:
        return f"header {key.text} cannot be set by a table", "the proxy makes it, or it ends at each hop"
    return None


def _wrong_value(key: Scalar, value: Node) -> tuple[str, str] | None:
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        return f"the value of header {key.text} is not a string", "quote it"
    if len(value.value) > VALUE_CHARACTERS_MAX:
        return f"the value of header {key.text} is too long", f"at most {VALUE_CHARACTERS_MAX} characters"
    if not _VALUE.fullmatch(value.value):
        return (
            f"the value of header {key.text} has a line break or a character outside ASCII",
            "a secret read from a file often ends with a line break",
        )
    return None

"""Endpoints as a table writes them: `http://host:port`, with a path prefix if the servers want one.

Problems never repeat an address: it may hold a password that does not belong there.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from proxy.routing.document import Node, Scalar, kind
from proxy.routing.problems import Reports
from proxy.routing.readers import REFERENCE, Schema

ADDRESS_CHARACTERS_MAX = 512

_FORM = "write http://host:port"
_NAME = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_NAME}(\.{_NAME})*", re.ASCII)
_PATH = re.compile(r"(/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*", re.ASCII)
_SCHEMA_PATTERN = r"^http://[^\s/?#@\\]+:[0-9]{1,5}(/[^\s?#]*)?$"


class Address:
    """One base URL, read without its trailing slash."""

    def read(self, node: Node, reports: Reports) -> str | None:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            reports.add(node.line, f"an address is wanted here, not {kind(node)}", _FORM)
            return None
        if node.broken:
            return None
        wrong = _wrong(node.value)
        if wrong is not None:
            reports.add(node.line, *wrong)
            return None
        return node.value.rstrip("/")

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": _SCHEMA_PATTERN}, REFERENCE]}


def _wrong(text: str) -> tuple[str, str] | None:
    if len(text) > ADDRESS_CHARACTERS_MAX:
        return "the address is too long", f"at most {ADDRESS_CHARACTERS_MAX} characters"
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return "a character in the address does not belong there", _FORM
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "this is not an address", _FORM
    return _wrong_parts(text, parts, port)


def _wrong_parts(text: str, parts: SplitResult, port: int | None) -> tuple[str, str] | None:
    if parts.scheme == "https":
        return "https endpoints are not spoken yet", "use http inside the network, or a local TLS proxy"
    if not text.startswith("http://"):
        return "the address does not begin with http://", _FORM
    if "@" in parts.netloc:
        return "a user or password stands in the address", "put credentials under headers, as ${NAME}"
    if "?" in text or "#" in text:
        return "a query or fragment stands in the address", _FORM
    if not _PATH.fullmatch(parts.path):
        return "the address has an odd path", _FORM
    host = parts.hostname or ""
    if not _is_host(host):
        return "the address has no proper host", _FORM
    if not port:
        return "the address has no port", _FORM
    whole = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return None if parts.netloc.lower() == whole else ("this is not an address", _FORM)


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True

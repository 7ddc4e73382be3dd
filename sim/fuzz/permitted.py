"""Where this proxy and h11 may disagree about callers' bytes. What stands in no table is a fault.

The proxy is stricter wherever servers are known to read the same bytes differently. Where it is laxer, the
bytes mean the same to every reader that takes them at all, and are never passed on as they came: a message
is written anew.
"""

import re
from collections.abc import Callable

import msgspec

Tells = Callable[[bytes], bool]


class Refusal(msgspec.Struct, frozen=True):
    """A kind of message that h11 takes and the proxy refuses: by its status, and by how it looks."""

    name: str
    why: str
    statuses: tuple[int, ...]
    looks: Tells


class Leniency(msgspec.Struct, frozen=True):
    """A kind of message that the proxy takes and h11 refuses with `error`.

    `plain` writes it so that h11 takes it; then both are compared again: the meaning must be the same.
    """

    name: str
    why: str
    error: re.Pattern[str]
    plain: Callable[[bytes, str], bytes]


def _head(pattern: bytes) -> Tells:
    compiled = re.compile(pattern, re.DOTALL | re.IGNORECASE)
    return lambda message: compiled.search(_head_of(message)) is not None


def _anywhere(pattern: bytes) -> Tells:
    compiled = re.compile(pattern, re.DOTALL | re.IGNORECASE)
    return lambda message: compiled.search(message) is not None


def _head_of(message: bytes) -> bytes:
    end = re.search(rb"\r?\n\r?\n", message)
    return message[: end.end()] if end else message


def _fields(*names: bytes) -> Tells:
    """Each of the fields is there; twice, where it is named twice."""

    def look(message: bytes) -> bool:
        found = [line.partition(b":")[0].strip().lower() for line in _head_of(message).split(b"\n")]
        return all(found.count(name) >= names.count(name) for name in names)

    return look


_METHODS = rb"(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH|TRACE|CONNECT)"
_LENGTH, _CODING = b"content-length", b"transfer-encoding"

STRICTER = (
    Refusal(
        "too large", "every size is bounded; 413, 414 and 431 say which", (413, 414, 431), _anywhere(b"")
    ),
    Refusal(
        "another version", "1.0 and 1.1 are spoken here", (400, 505), _head(rb"^(?![^\n]* HTTP/1\.[01]\r?\n)")
    ),
    Refusal("length and coding", "readers differ in which one counts", (400,), _fields(_LENGTH, _CODING)),
    Refusal(
        "two lengths",
        "even equal ones: some readers take a list for a bad number",
        (400,),
        _fields(_LENGTH, _LENGTH),
    ),
    Refusal("a list of lengths", "as above", (400,), _head(rb"\ncontent-length:[^\n]*,")),
    Refusal(
        "a coding in HTTP/1.0",
        "which knows none: readers of that version go by other framing",
        (400,),
        _head(rb"^[^\n]*HTTP/1\.0\r?(\n.*)?\ntransfer-encoding:"),
    ),
    Refusal(
        "space about a coding",
        "legal, and so rare that refusing is safer",
        (400, 501),
        _head(rb"\ntransfer-encoding:[^\n]*chunked[ \t]+\r?\n"),
    ),
    Refusal("a folded field", "obsolete (RFC 9112, 5.2)", (400,), _anywhere(rb"\n[ \t]")),
    Refusal(
        "a line without CR", "a bare LF ends a line for some readers only", (400,), _anywhere(rb"(?<!\r)\n")
    ),
    Refusal(
        "a control character",
        "in a field's value it is legal nowhere",
        (400,),
        _anywhere(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"),
    ),
    Refusal(
        "a chunk extension that is none",
        "h11 takes anything there",
        (400,),
        _anywhere(rb"\n[0-9a-f]+([ \t]+|[ \t]*;[^\n]*)\r?\n"),
    ),
    Refusal(
        "framing in a trailer",
        "it must not be there (RFC 9110, 6.5.1)",
        (400,),
        _anywhere(rb"\r\n\r\n.*\r?\n(content-length|transfer-encoding):"),
    ),
    Refusal(
        "an unknown method",
        "no service here has use for it",
        (400,),
        _head(rb"^(?!" + _METHODS + rb" )|^(?-i:[^ ]*[a-z])"),
    ),
    Refusal(
        "a target that is none",
        "neither a path, nor absolute, nor '*'",
        (400,),
        _head(rb"^[A-Z]+ ((?!/|\*|https?://)|https?://[^/? ]*[^a-z0-9.:@%_~!$&'()*+,;=\[\]/? -])"),
    ),
)

CLOSE_IN_TRAILER = re.compile(rb"\r\n\r\n.*\n(proxy-)?connection:[^\n]*close", re.IGNORECASE | re.DOTALL)
"""Of the message before: llhttp heeds it, h11 does not. What follows is refused, never misread."""

ENDINGS = (
    Refusal("HTTP/1.0", "its clients wait for the end unless told", (), _head(rb"^[^\n]* HTTP/1\.0\r?\n")),
    Refusal("CONNECT", "what would follow is no HTTP", (), _head(rb"^CONNECT ")),
    Refusal(
        "Proxy-Connection", "llhttp heeds it like Connection", (), _head(rb"\nproxy-connection:[^\n]*close")
    ),
)
"""Messages after which h11 would go on, and the proxy answers and ends the connection."""


def _squeezed(rest: bytes, _: str) -> bytes:
    line, end, more = rest.partition(b"\n")
    return re.sub(rb" +", b" ", line.rstrip(b" \r")).strip() + b"\r" * line.endswith(b"\r") + end + more


def _as_http(rest: bytes, _: str) -> bytes:
    return re.sub(rb"^([A-Z_-]+ +[^\r\n]* )(RTSP|ICE)(/1\.[01] *\r?\n)", rb"\1HTTP\3", rest)


def _without_zeros(rest: bytes, error: str) -> bytes:
    """The chunk's head that h11 complains of, or the lengths, without leading zeros."""
    chunk = re.search(r"bytearray\(b'(0*)0", error)
    if chunk is None:
        return re.sub(rb"(?i)(\ncontent-length:[ \t]*)0+(?=[0-9])", rb"\1", rest)
    zeros = chunk[1].encode()
    return re.sub(rb"(?<=\n)" + zeros + rb"(?=[0-9a-fA-F])", b"", rest)


def _unspaced(rest: bytes, _: str) -> bytes:
    return rest.lstrip(b"\r\n")


LAXER = (
    Leniency(
        "empty lines first",
        "RFC 9112, 2.2: a server should read over them",
        re.compile(r"no request line received|illegal request line($|: bytearray\(b'(\\r|\\n))"),
        _unspaced,
    ),
    Leniency(
        "several spaces in the first line",
        "RFC 9112, 3: a recipient may split at runs of white space",
        re.compile(r"illegal request line: bytearray\(b'[\w-]+ +\S+ +HTTP/1\.[01] *'"),
        _squeezed,
    ),
    Leniency(
        "RTSP and ICE",
        "llhttp reads their first lines too; the request is written on as HTTP",
        re.compile(r"illegal request line: bytearray\(b'[A-Z_-]+ .* (RTSP|ICE)/1\.[01] *'"),
        _as_http,
    ),
    Leniency(
        "many leading zeros",
        "h11 bounds the digits of a length to 20, the proxy its value",
        re.compile(r"bad Content-Length|illegal chunk header: bytearray\(b'0{5}"),
        _without_zeros,
    ),
)

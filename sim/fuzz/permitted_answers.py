"""Where this proxy and h11 may disagree about a model server's bytes. What stands in no table is a fault."""

import re
from collections.abc import Callable

import msgspec

from sim.fuzz.case import Case
from sim.fuzz.reference import AnswerRead

Look = Callable[[Case, AnswerRead], bool]


class Refusal(msgspec.Struct, frozen=True):
    """A kind of answer that h11 takes and the proxy does not."""

    name: str
    why: str
    looks: Look


class Leniency(msgspec.Struct, frozen=True):
    """A kind of answer that the proxy takes and h11 refuses with `error`."""

    name: str
    why: str
    error: re.Pattern[str]
    looks: Look


def only_empty_lines(behind: bytes) -> bool:
    """What llhttp reads over behind a message: it says nothing, and shifts nothing."""
    return not behind.strip(b"\r\n")


def _head(pattern: bytes) -> Look:
    compiled = re.compile(pattern, re.DOTALL | re.IGNORECASE)
    return lambda case, _: any(compiled.search(head) for head in _heads(case.data))


def _heads(data: bytes) -> list[bytes]:
    """The first head, and those behind interim answers."""
    first, *others = re.split(rb"\r?\n\r?\n", data)
    return [each + b"\r\n" for each in (first, *others) if each is first or each.startswith(b"HTTP/")]


def _anywhere(pattern: bytes) -> Look:
    compiled = re.compile(pattern, re.DOTALL | re.IGNORECASE)
    return lambda case, _: compiled.search(case.data) is not None


STRICTER = (
    Refusal("too large", "every size is bounded", lambda case, _: case.tight and len(case.data) > 200),
    Refusal("more than an answer", "whose are the bytes behind it?", lambda _, theirs: bool(theirs.behind)),
    Refusal("another version", "1.0 and 1.1 are spoken here", _head(rb"^(?!HTTP/1\.[01] )")),
    Refusal("a status that does not exist", "100 to 599 do", lambda _, theirs: theirs.status >= 600),
    Refusal(
        "length and coding",
        "readers differ in which counts",
        _head(rb"\ncontent-length:.*\ntransfer-encoding:|\ntransfer-encoding:.*\ncontent-length:"),
    ),
    Refusal("two lengths", "even equal ones", _head(rb"\ncontent-length:([^\n]*,|.*\ncontent-length:)")),
    Refusal("a length beyond 64 bits", "h11 has no such bound", _head(rb"\ncontent-length:[ \t]*\d{20}")),
    Refusal(
        "space about a coding",
        "legal, and so rare that refusing is safer",
        _head(rb"\ntransfer-encoding:[^\n]*chunked[ \t]+\r\n"),
    ),
    Refusal(
        "an interim answer that says close",
        "it closes before the answer: what follows is nobody's",
        _head(rb"^HTTP/1\.0 1\d\d|^HTTP/1\.1 1\d\d.*\n(proxy-)?connection:[^\n]*close"),
    ),
    Refusal(
        "an interim answer with a body",
        "it would begin the answer, or swallow it",
        _head(rb"^HTTP/1\.[01] 1\d\d.*\n(content-length|transfer-encoding):"),
    ),
    Refusal("a folded field", "obsolete (RFC 9112, 5.2)", _anywhere(rb"\n[ \t]")),
    Refusal("a line without CR", "a bare LF ends a line for some readers only", _anywhere(rb"(?<!\r)\n")),
    Refusal(
        "a control character", "legal nowhere in a head", _anywhere(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
    ),
    Refusal(
        "a chunk extension that is none",
        "h11 takes anything there",
        _anywhere(rb"\n[0-9a-f]+([ \t]+|[ \t]*;[^\n]*)\r?\n"),
    ),
    Refusal(
        "framing in a trailer",
        "it must not be there (RFC 9110, 6.5.1)",
        _anywhere(rb"\r\n\r\n.*\r?\n(content-length|transfer-encoding):"),
    ),
)

LAXER = (
    Leniency(
        "empty lines first",
        "they say nothing",
        re.compile(r"no response line received|illegal status line: bytearray\(b'(\\r|\\n)"),
        _anywhere(rb"(^|\r?\n\r?\n)[\r\n]"),
    ),
    Leniency(
        "odd characters in the phrase",
        "it is not passed on",
        re.compile(r"illegal status line: bytearray\(b.HTTP/\d\.\d \d\d\d "),
        _anywhere(rb""),
    ),
    Leniency(
        "RTSP and ICE",
        "llhttp reads their first lines too",
        re.compile(r"illegal status line: bytearray"),
        _anywhere(rb"^(RTSP|ICE)/1\.[01] "),
    ),
    Leniency(
        "many leading zeros",
        "h11 bounds the digits to 20, the proxy the value",
        re.compile(r"bad Content-Length|illegal chunk header: bytearray\(b'0{5}"),
        _anywhere(rb"[\n ]0{5,}"),
    ),
    Leniency(
        "a coding in a trailer",
        "trailers are dropped unread",
        re.compile("Only Transfer-Encoding: chunked is supported"),
        _anywhere(rb"\n0+[^\n]*\r\n(.*\n)?transfer-encoding:"),
    ),
)

REUSED = Refusal(
    "HTTP/1.0 that stays",
    "RFC 9112, 9.3: where it says keep-alive, and we are the client; h11 never does",
    _anywhere(rb"(^|\r?\n\r?\n)HTTP/1\.0 .*\nconnection:[^\n]*keep-alive"),
)

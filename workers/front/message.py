"""One request as it is read off a connection: what the front wants of its head, and its body, within limits.

It decides what is refused while reading, and never what is answered.
"""

from typing import Final

from workers.front.limits import FrontLimits
from workers.front.reply import Reply, refusal

WANTED: Final = frozenset(
    (
        b"accept-encoding",
        b"content-encoding",
        b"inference-header-content-length",
        b"penstock-deadline-ms",
        b"penstock-rank",
        b"x-request-id",
    )
)
"""Fields that are kept, in lower case; of one that is given twice the last."""
ID_BYTES_MAX: Final = 256  # a longer request id is not echoed


class Message:
    """A request. Whole when the connection says so; `fault` refuses it before."""

    __slots__ = (
        "_limits",
        "_pieces",
        "_size",
        "arrived_s",
        "body_bytes",
        "chunked",
        "expects",
        "fault",
        "fields",
        "headers",
        "keep_alive",
        "length",
        "method",
        "target",
        "unread",
    )

    def __init__(self, limits: FrontLimits, arrived_s: float) -> None:
        self._limits = limits
        self._pieces: list[bytes] = []
        self._size = 0  # of the head
        self.arrived_s = arrived_s
        self.body_bytes = 0  # held so far
        self.chunked = False
        self.expects = False  # the caller waits for "100 Continue"
        self.fault: Reply | None = None
        self.fields: dict[bytes, bytes] = {}
        self.headers = 0
        self.keep_alive = True
        self.length = 0  # as Content-Length says
        self.method = b""  # set when the head is whole
        self.target = b""
        self.unread = 0  # bytes that arrived before the head was whole

    def add_target(self, piece: bytes) -> None:
        """A piece of the path and query."""
        self.target += piece
        if len(self.target) > self._limits.target_bytes_max:
            self.fault = refusal(414, f"the target is over {self._limits.target_bytes_max} bytes")
            self.target = b""

    def add_header(self, name: bytes, value: bytes) -> None:
        """A field of the head; a trailer comes here too, and counts."""
        self.headers += 1
        self._size += len(name) + len(value)
        if self.headers > self._limits.headers_max or self._size > self._limits.head_bytes_max:
            self.fault = self.fault or refusal(431, _head_words(self._limits))
            return
        key = name.lower()
        if key in WANTED and not self.method:
            self.fields[key] = value
        elif key == b"content-length":
            self.length = int(value) if value.isdigit() and len(value) < 20 else 0
        elif key == b"transfer-encoding":
            self.chunked = True
        elif key == b"expect":
            self.expects = value.lower() == b"100-continue"

    def check_unread(self, count: int) -> None:
        """So many bytes more arrived and the head is not whole."""
        self.unread += count
        if not self.method and self.unread > self._limits.head_bytes_max + self._limits.target_bytes_max:
            self.fault = self.fault or refusal(431, _head_words(self._limits))

    def end_head(self, method: bytes, *, keep_alive: bool) -> None:
        """The head is whole."""
        self.method, self.keep_alive = method, keep_alive
        if self.length > self._limits.body_bytes_max:
            self._too_large(self.length)

    def add_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self.fault is not None:
            return
        self.body_bytes += len(piece)
        self._pieces.append(piece)
        if self.body_bytes > self._limits.body_bytes_max:
            self._too_large(self.body_bytes)

    def take_body(self) -> bytes:
        """The body in one piece, once; a body that came in one piece is not copied."""
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def framing(self) -> bytes:
        """A head that tells a parser no more than how the body is framed."""
        how = b"Transfer-Encoding: chunked" if self.chunked else b"Content-Length: %d" % self.length
        return b"POST / HTTP/1.1\r\n%b\r\n\r\n" % how

    @property
    def request_id(self) -> bytes:
        """What is echoed."""
        given = self.fields.get(b"x-request-id", b"")
        return given if len(given) <= ID_BYTES_MAX else b""

    def _too_large(self, count: int) -> None:
        limit = self._limits.body_bytes_max
        self.fault = self.fault or refusal(
            413, f"the limit of {limit} bytes is exceeded: the body has {count}"
        )
        self._pieces = []


def _head_words(limits: FrontLimits) -> str:
    return f"the head is over {limits.head_bytes_max} bytes or {limits.headers_max} fields"

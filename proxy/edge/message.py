"""One HTTP request message as it is read from a connection: the head, then the body, bounded."""

from proxy.edge.limits import EdgeLimits
from proxy.messages import Answer
from proxy.problem import problem

HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length", b"host"),
        *(b"expect", b"http2-settings"),
    )
)
"""Fields of this connection alone; never passed on."""

OURS = frozenset((b"x-request-id", b"prefer", b"idempotency-key"))
"""Fields that speak to the proxy; so do all that begin with `penstock-`."""


class Message:
    """A request message in the making. `fault` is set as soon as it must be refused."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_chunked",
        "_head_bytes",
        "_length",
        "_limits",
        "_trailing",
        "arrived_s",
        "asks_to_continue",
        "fault",
        "headers",
        "keep_alive",
        "method",
        "ours",
        "target",
    )

    def __init__(self, limits: EdgeLimits, arrived_s: float) -> None:
        self._limits = limits
        self._head_bytes = 0
        self._length: bytes | None = None
        self._chunked = False
        self._trailing = False
        self._body: list[bytes] = []
        self._body_bytes = 0
        self.arrived_s = arrived_s
        self.method = b""
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []  # end-to-end, for the model server
        self.ours: dict[bytes, bytes] = {}  # by lower-case name, for the proxy
        self.asks_to_continue = False
        self.keep_alive = False
        self.fault: Answer | None = None

    @property
    def body(self) -> bytes:
        """The whole body; usually one piece, which is not copied."""
        return self._body[0] if len(self._body) == 1 else b"".join(self._body)

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body."""
        return self._chunked or self._length not in (None, b"0")

    def framing(self) -> bytes:
        """A head that announces a body framed like this one's, for a parser that has not seen its head."""
        length = b"Content-Length: %b" % (self._length or b"0")
        return b"POST / HTTP/1.1\r\n%b\r\n\r\n" % (b"Transfer-Encoding: chunked" if self._chunked else length)

    def add_target(self, piece: bytes) -> None:
        """A piece of the request target."""
        self.target += piece
        if len(self.target) > self._limits.target_bytes_max:
            self._refuse(414, f"the request target is over {self._limits.target_bytes_max} bytes")

    def add_header(self, name: bytes, value: bytes) -> None:
        """A header field. After the head it is a trailer: dropped, for it was not announced to anybody."""
        if self._trailing:
            return
        self._head_bytes += len(name) + len(value)
        key = name.lower()
        if key in HOP_BY_HOP:
            self._add_hop(key, value)
        elif key in OURS or key.startswith(b"penstock-"):
            self.ours[key] = value
        else:
            self.headers.append((name, value))
        if self._head_bytes > self._limits.head_bytes_max or len(self.headers) > self._limits.headers_max:
            self._refuse(
                431,
                f"the head is over {self._limits.head_bytes_max} bytes or {self._limits.headers_max} fields",
            )

    def end_head(self, method: bytes, *, keep_alive: bool) -> None:
        """The head is whole."""
        self._trailing = True
        self.method = method
        self.keep_alive = keep_alive
        if (
            self._length is not None
            and len(self._length) < 20
            and int(self._length) > self._limits.body_bytes_max
        ):
            self._too_large()

    def add_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self.fault is not None:
            return
        self._body_bytes += len(piece)
        if self._body_bytes > self._limits.body_bytes_max:
            self._too_large()
        else:
            self._body.append(piece)

    def _add_hop(self, key: bytes, value: bytes) -> None:
        if key == b"content-length":
            self._length = value
        elif key == b"transfer-encoding":
            self._chunked = True
            if value.lower() != b"chunked":
                self._refuse(501, "the only transfer coding known here is 'chunked'")
        elif key == b"expect":
            self.asks_to_continue = value.lower() == b"100-continue"

    def _too_large(self) -> None:
        self._body.clear()
        self._refuse(413, f"the body is over the limit of {self._limits.body_bytes_max} bytes")

    def _refuse(self, status: int, text: str) -> None:
        if self.fault is None:
            self.fault = problem(status, text)

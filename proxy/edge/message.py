"""One HTTP request message as it is read from a connection: the head, then the body, bounded."""

import re

from labelers.fields import block_of
from proxy.edge.hold import COUNTED_BYTES_MIN, Hold
from proxy.edge.limits import EdgeLimits
from proxy.heads.request import NOT_PASSED_ON, OURS, RequestHead
from proxy.hop import end_to_end
from proxy.messages import Answer
from proxy.pieces import Pieces
from proxy.problem import problem

_ABSOLUTE = re.compile(rb"https?://[^/?#]+", re.IGNORECASE)
"""What stands before the path where a client writes to us as to a forward proxy (RFC 9112, 3.2.2)."""


class Message:
    """A request message in the making. `fault` is set as soon as it must be refused."""

    __slots__ = (
        "_body",
        "_body_bytes",
        "_chunked",
        "_connection",
        "_head_bytes",
        "_held_bytes",
        "_hold",
        "_hosts",
        "_length",
        "_limits",
        "_pieces",
        "_trailing",
        "_unread_bytes",
        "arrived_s",
        "asks_to_continue",
        "block",
        "caller",
        "coded",
        "fault",
        "headers",
        "keep_alive",
        "method",
        "missing",
        "ours",
        "target",
    )

    def __init__(
        self, limits: EdgeLimits, arrived_s: float, hold: Hold | None = None, caller: str = ""
    ) -> None:
        self._limits = limits
        self._hold = hold  # where large bodies are counted
        self._held_bytes = 0
        self._head_bytes = 0
        self._unread_bytes = 0
        self._hosts = 0
        self._connection: tuple[bytes, ...] = ()
        self._length: bytes | None = None
        self._chunked = False
        self._trailing = False
        self._body = b""
        self._pieces: Pieces | None = None
        self._body_bytes = 0
        self.arrived_s = arrived_s
        self.caller = caller  # its address
        self.method = b""
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []  # end-to-end, as the parser gives them
        self.coded = True  # a field may say that the body is other than plain JSON
        self.block = b""  # the same, undecoded, for the model server
        self.ours: dict[bytes, bytes] = {}  # by lower-case name, for the proxy
        self.asks_to_continue = False
        self.keep_alive = False
        self.missing = 0  # bytes of a plain message's body that are still to come
        self.fault: Answer | None = None

    @property
    def body(self) -> bytes:
        """The whole body; usually one piece, which is not copied."""
        if self._pieces is not None:
            self._body = self._pieces.whole()
            self._pieces = None
        return self._body

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body."""
        return self._chunked or self._length not in (None, b"0")

    @property
    def waits_to_continue(self) -> bool:
        """Whether the caller will send the body only once it is told to."""
        return self.asks_to_continue and self._trailing and not self._body_bytes and self.fault is None

    def framing(self) -> bytes:
        """A head that announces a body framed like this one's, for a parser that has not seen its head."""
        length = b"Content-Length: %b" % (self._length or b"0")
        return b"POST / HTTP/1.1\r\n%b\r\n\r\n" % (b"Transfer-Encoding: chunked" if self._chunked else length)

    def add_bytes(self, count: int) -> None:
        """So many bytes are about to be read: the parser itself does not bound what it has begun to read."""
        self._unread_bytes += count

    def check_unread(self) -> None:
        """Nothing came of too many bytes: a field without an end, trailers, chunks without contents."""
        if self._unread_bytes > self._limits.head_bytes_max:
            self._refuse(431, f"a field or a chunk's head is over {self._limits.head_bytes_max} bytes")

    def add_target(self, piece: bytes) -> None:
        """A piece of the request target."""
        self.target += piece
        if len(self.target) > self._limits.target_bytes_max:
            self._refuse(414, f"the request target is over {self._limits.target_bytes_max} bytes")

    def add_header(self, name: bytes, value: bytes) -> None:
        """A header field. After the head it is a trailer: dropped, for it was not announced to anybody."""
        if self._trailing:
            return
        self._unread_bytes = 0
        self._head_bytes += len(name) + len(value)
        key = name.lower()
        if key in NOT_PASSED_ON:
            self._add_hop(key, value)
        elif key in OURS or key.startswith(b"penstock-"):
            # A list in two fields is one list (RFC 9110, 5.3); what is no list becomes one, and is refused.
            value = value.rstrip(b" \t")
            self.ours[key] = self.ours[key] + b", " + value if key in self.ours else value
        else:  # white space after a value is no part of it (RFC 9110, 5.5); llhttp strips it in front alone
            self.headers.append((name, value.rstrip(b" \t")))
        if self._head_bytes > self._limits.head_bytes_max or len(self.headers) > self._limits.headers_max:
            self._refuse(
                431,
                f"the head is over {self._limits.head_bytes_max} bytes or {self._limits.headers_max} fields",
            )

    def check_head(self, version: str) -> None:
        """Refuse what another server might read as another message (RFC 9112, 3.2 and 6.1)."""
        if version == "1.1" and self._hosts == 1:
            return
        if version not in ("1.0", "1.1"):
            self._refuse(505, "the version of HTTP spoken here is 1.1")
        if self._hosts > 1 or (not self._hosts and version == "1.1"):
            self._refuse(400, "not an HTTP request: exactly one Host field is wanted")
        if version == "1.0":
            self.asks_to_continue = False
            if self._chunked:
                self._refuse(400, "not an HTTP request: HTTP/1.0 knows no Transfer-Encoding")

    def end_head(self, method: bytes, *, keep_alive: bool) -> None:
        """The head is whole."""
        self._trailing = True
        self.method = method
        self.keep_alive = keep_alive
        if self._connection:
            self.headers = end_to_end(self.headers, self._connection)
        self.block = block_of(tuple(self.headers))
        self.headers = []
        if not self.target.startswith(b"/"):
            self.target = _without_authority(self.target)
        if (
            self._length is not None
            and len(self._length) < 20
            and int(self._length) > self._limits.body_bytes_max
        ):
            self._too_large()

    def begin_plain(self, head: RequestHead) -> None:
        """The head of a plain message, whole."""
        self.method, self.target, self.block, self.ours, self.missing, _, self.coded = head
        self._trailing = True
        self.keep_alive = True

    def add_body(self, piece: bytes) -> None:
        """A piece of the body."""
        self._unread_bytes = 0
        if self.fault is not None:
            return
        count = len(piece)
        self._body_bytes += count
        if self.missing:
            self.missing -= count
        if self._body_bytes > self._limits.body_bytes_max:
            self._too_large()
        elif self._body_bytes > COUNTED_BYTES_MIN and not self._keeps():
            self._drop_body()
            self._refuse(503, "too many bytes of bodies are held already; try again", (b"Retry-After", b"1"))
        elif self._body_bytes == count:
            self._body = piece
        else:
            if self._pieces is None:
                self._pieces = Pieces(self._body)
            self._pieces.add(piece)

    def turn_away(self, answer: Answer | None) -> None:
        """Refuse it by its head, if there is an answer: its body is not wanted."""
        if answer is not None:
            self._drop_body()
            self.fault = answer

    def _add_hop(self, key: bytes, value: bytes) -> None:
        if key == b"content-length":
            self._length = value
        elif key == b"host":
            self._hosts += 1
        elif key == b"connection":
            self._connection += (value,)
        elif key == b"transfer-encoding":
            self._chunked = True
            if value.lower() != b"chunked":
                self._refuse(501, "the only transfer coding known here is 'chunked'")
        elif key == b"expect":
            self.asks_to_continue = value.rstrip(b" \t").lower() == b"100-continue"

    def let_go(self) -> None:
        """Nobody needs the body any more: its bytes are counted no longer."""
        if self._hold is not None and self._held_bytes:
            self._hold.give_back(self._held_bytes)
            self._held_bytes = 0

    def _keeps(self) -> bool:
        """Whether there is room for the body as it is now."""
        if self._hold is None or not self._hold.take(self._body_bytes - self._held_bytes):
            return self._hold is None
        self._held_bytes = self._body_bytes
        return True

    def _drop_body(self) -> None:
        self._body = b""
        self._pieces = None
        self.missing = 0
        self.let_go()

    def _too_large(self) -> None:
        self._drop_body()
        self._refuse(413, f"the body is over the limit of {self._limits.body_bytes_max} bytes")

    def _refuse(self, status: int, text: str, *fields: tuple[bytes, bytes]) -> None:
        if self.fault is None:
            self.fault = problem(status, text, *fields)


def _without_authority(target: bytes) -> bytes:
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        return target
    rest = target[absolute.end() :]
    return rest if rest.startswith(b"/") else b"/" + rest

"""TLS between a caller's transport and the connection that serves it: bytes through OpenSSL, both ways.

To the transport below this is the protocol, to the connection above the transport. The event loop's own TLS
is not used because it hides three things that the connection needs: what is unsent (the loop tells only what
it has not encrypted yet, so that half an answer would count as sent), an end of our side while the caller
still sends (a refusal must arrive), and connections whose handshake is not done (they count too). No timers
here: the server's sweep asks `overdue`. What TLS is, OpenSSL decides; certificates are not known here.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import Any, cast

RECORD_BYTES = 16 * 1024
"""As much as a record of TLS holds, and one read gives."""

ENCRYPTED_BYTES = 256 * 1024
"""So much is handed down at once: a large answer must not stand in memory a third time."""


class TlsLayer(asyncio.Protocol, asyncio.Transport):
    """One connection's. `above` hears of the connection when the handshake is done.

    `admitted` is asked once whether there is room, `shaken` is told that the handshake has ended somehow,
    `failed` why it came to nothing.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        above: asyncio.Protocol,
        *,
        admitted: Callable[["TlsLayer"], bool],
        shaken: Callable[["TlsLayer"], None],
        failed: Callable[[str], None],
        began_s: float,
    ) -> None:
        super().__init__()
        self._above = above
        self._admitted = admitted
        self._shaken = shaken
        self._failed = failed
        self._began_s = began_s
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._below: asyncio.Transport | None = None
        self._open = False  # the handshake is done: `above` has been told
        self._deaf = False  # nothing more is read

    # -- asyncio.Protocol, for the transport below --------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        if not self._admitted(self):
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._incoming.write(data)
        if self._open or self._shake():
            self._read()

    def eof_received(self) -> bool | None:
        return self._above.eof_received() if self._open else None

    def connection_lost(self, exc: Exception | None) -> None:
        self._deaf, self._below = True, None
        if self._open:
            self._above.connection_lost(exc)
        else:
            self._shaken(self)

    def pause_writing(self) -> None:
        if self._open:
            self._above.pause_writing()

    def resume_writing(self) -> None:
        if self._open:
            self._above.resume_writing()

    # -- the handshake ------------------------------------------------------------------------------

    def overdue(self, now: float, handshake_s_max: float) -> bool:
        """Whether the caller takes too long over the handshake."""
        return now - self._began_s > handshake_s_max

    def time_out(self) -> None:
        """The handshake is overdue."""
        if not self._deaf:
            self._failed("not done in time")
        self.abort()

    def _shake(self) -> bool:
        """Go on with the handshake; whether it is done."""
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._deaf = True
            self._failed(reason_of(error))
            self._flush()  # why, in TLS
            if self._below is not None:
                self._below.close()
            return False
        self._open = True
        self._shaken(self)
        self._flush()
        self._above.connection_made(self)
        return True

    # -- reading ------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Pass on all that has come, as one piece: at most what the loop reads at a time."""
        pieces: list[bytes] = []
        left = False
        try:
            while not left and not self._deaf:
                piece = self._object.read(RECORD_BYTES)
                pieces.append(piece)
                left = not piece
                if not self._incoming.pending and not self._object.pending():
                    break  # most often: asking once more would cost an exception
        except ssl.SSLWantReadError:
            left = False  # the rest of a record is still to come
        except ssl.SSLZeroReturnError:
            left = True
        except ssl.SSLError:
            self.abort()
            return
        self._flush()
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if data:
            self._above.data_received(data)
        if left and not self._deaf and not self._above.eof_received():
            self.close()

    # -- asyncio.Transport, for the connection above ------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt, and hand down."""
        if self.is_closing():
            return
        try:
            sent = self._object.write(data if len(data) <= ENCRYPTED_BYTES else data[:ENCRYPTED_BYTES])
            self._flush()
            if sent < len(data):
                self._write_rest(memoryview(data)[sent:])
        except ssl.SSLError:
            self.abort()

    def _write_rest(self, rest: memoryview) -> None:
        while rest:
            rest = rest[self._object.write(rest[:ENCRYPTED_BYTES]) :]
            self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and self._below is not None:
            self._below.write(self._outgoing.read())

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """End our side, in TLS and below it. What the caller still sends is read."""
        self._end()
        if self._below is not None and self._below.can_write_eof():
            self._below.write_eof()

    def close(self) -> None:
        """Send what is unsent, say that it is the end, and close."""
        self._end()
        self._deaf = True
        if self._below is not None:
            self._below.close()

    def _end(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # having said it, OpenSSL looks for the caller's word too
            self._object.unwrap()
        self._flush()

    def abort(self) -> None:
        self._deaf = True
        if self._below is not None:
            self._below.abort()

    def is_closing(self) -> bool:
        return self._below is None or self._below.is_closing()

    def pause_reading(self) -> None:
        if self._below is not None:
            self._below.pause_reading()

    def resume_reading(self) -> None:
        if self._below is not None:
            self._below.resume_reading()

    def is_reading(self) -> bool:
        return self._below is not None and self._below.is_reading()

    def get_write_buffer_size(self) -> int:
        """What is below: nothing waits here."""
        return 0 if self._below is None else self._below.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "ssl_object":
            return self._object
        return default if self._below is None else self._below.get_extra_info(name, default)


def reason_of(error: ssl.SSLError) -> str:
    """OpenSSL's word for what went wrong, in lower case."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    return (error.reason or str(error)).replace("_", " ").lower()

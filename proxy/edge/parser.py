"""Reads request messages that are not plain, with llhttp: what it tells in call-backs becomes a `Message`.

Holds the message that is being read; says when a head and when a message is whole. Never decides what is done
with it, nor what is refused.
"""

from typing import Protocol

import httptools

from proxy.edge.message import Message


class Reader(Protocol):
    """For whom messages are read: the connection."""

    def began(self) -> Message:
        """A message begins: this is filled."""
        ...

    def head_read(self, message: Message) -> None:
        """Its head is whole; its body, if it has one, is still to come."""
        ...

    def message_read(self, message: Message, last: bool) -> None:
        """It is whole; after the `last` one no other is wanted."""
        ...


class Parser:
    """The parser of one connection. `message` is the one being read."""

    __slots__ = ("_body_follows", "_parser", "_reader", "_resuming", "message")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._parser: httptools.HttpRequestParser | None = None
        self._body_follows = False  # the message offers to upgrade and has a body
        self._resuming = False  # a new parser is being told about a message that has begun
        self.message: Message | None = None

    def feed(self, data: bytes) -> str:
        """Parse; what is wrong, or ''. An offer to upgrade is not taken (RFC 9110, 7.8): it reads on."""
        try:
            while data:
                if self._parser is None:
                    self._parser = httptools.HttpRequestParser(self)
                try:
                    self._parser.feed_data(data)
                except httptools.HttpParserUpgrade as offer:
                    if self.message is not None and self.message.fault is not None:
                        break  # it is refused: its body must not be read as the next message
                    self._parser = None
                    data = data[offer.args[0] :]
                    self._resume_body()
                else:
                    break
        except httptools.HttpParserError as error:
            return f"not an HTTP request: {error}"
        return ""

    def _resume_body(self) -> None:
        """Httptools ends an offering message at its head; the new parser is told how its body is framed."""
        if self.message is not None:
            self._resuming = True
            self._parser = httptools.HttpRequestParser(self)
            self._parser.feed_data(self.message.framing())
            self._resuming = False

    # -- httptools ----------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if not self._resuming:
            self.message = self._reader.began()

    def on_url(self, piece: bytes) -> None:
        if not self._resuming:
            assert self.message is not None
            self.message.add_target(piece)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._resuming:
            assert self.message is not None
            self.message.add_header(name, value)

    def on_headers_complete(self) -> None:
        if self._resuming:
            return
        message, parser = self.message, self._parser
        assert message is not None
        assert parser is not None
        self._body_follows = parser.should_upgrade() and message.has_body
        method, version = parser.get_method(), parser.get_http_version()
        message.check_head(version)
        # A client of HTTP/1.0 waits for the end of the connection unless told in a field that there is none.
        keep_alive = parser.should_keep_alive() and version == "1.1" and method != b"CONNECT"
        message.end_head(method, keep_alive=keep_alive)
        self._reader.head_read(message)

    def on_body(self, piece: bytes) -> None:
        assert self.message is not None
        self.message.add_body(piece)

    def on_message_complete(self) -> None:
        message, parser = self.message, self._parser
        assert message is not None
        if self._body_follows:  # not complete: the parser stopped at an offer to upgrade
            self._body_follows = False
            return
        assert parser is not None
        self.message = None
        self._reader.message_read(message, last=not parser.should_keep_alive())  # a trailer may say so

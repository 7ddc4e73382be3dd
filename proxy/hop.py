"""Header fields of one connection alone: what an intermediary never passes on (RFC 9110, section 7.6.1)."""

Fields = list[tuple[bytes, bytes]]

HOP_BY_HOP = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"content-length"),
    )
)
"""By lower-case name; `Content-Length` is among them because every message is framed anew."""

_WORDS = HOP_BY_HOP | {b"close", b""}
"""What `Connection` says that names no further field."""


def end_to_end(fields: Fields, connection: tuple[bytes, ...]) -> Fields:
    """`fields` without those that the message's `Connection` fields name as this connection's own."""
    named = {word.strip().lower() for value in connection for word in value.split(b",")} - _WORDS
    return [field for field in fields if field[0].lower() not in named] if named else fields

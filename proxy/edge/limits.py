"""The limits of the data side: every size, count and time that a caller is bounded by."""

import msgspec

PIECE_BYTES = 16 * 1024
"""So much is parsed at a time: in one read of the event loop ten thousand small messages could lie."""


class EdgeLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults that are safe for pictures and tensors; `penstock serve` can change the first two."""

    body_bytes_max: int = 64 * 1024 * 1024  # beyond it 413: a request must be replayable for every tier
    held_bytes_max: int = 1024**3  # of all bodies over 64 KiB together, in each process; beyond it 503
    connections_max: int = 20_000  # beyond it new connections are closed at once
    target_bytes_max: int = 8 * 1024
    head_bytes_max: int = 32 * 1024
    headers_max: int = 100
    handshake_s_max: float = 10.0  # TLS: from the connection to the end of the handshake
    receive_s_max: float = 60.0  # from a message's first byte to its last
    head_s_max: float = 10.0  # from a message's first byte to the end of its head
    idle_s_max: float = 75.0  # a kept-alive connection without a request
    write_s_max: float = 60.0  # a caller that does not read its answer
    pipelined_bytes_max: int = 64 * 1024  # read ahead of the request being served
    linger_s_max: float = 2.0  # after a refusal: read and discard, so that the refusal arrives
    linger_bytes_max: int = 4 * 1024 * 1024

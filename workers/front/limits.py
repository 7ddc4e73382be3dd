"""The limits of the front: every size, count and time that a caller is bounded by."""

import msgspec

from workers.body import BODY_BYTES_MAX


class FrontLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults that are safe for pictures and tensors."""

    body_bytes_max: int = BODY_BYTES_MAX  # beyond it 413; also after unpacking
    held_bytes_max: int = 1024**3  # of all bodies together, in one process; beyond it 503
    connections_max: int = 10_000  # beyond it a new connection is told 503 and closed
    target_bytes_max: int = 8 * 1024
    head_bytes_max: int = 32 * 1024
    headers_max: int = 100
    head_s_max: float = 10.0  # from a message's first byte to the end of its head
    receive_s_max: float = 60.0  # from a message's first byte to its last
    idle_s_max: float = 75.0  # a kept-alive connection without a request
    write_s_max: float = 60.0  # a caller that does not read its answer
    linger_s_max: float = 2.0  # after a refusal: read and discard, so that the refusal arrives
    linger_bytes_max: int = 2 * BODY_BYTES_MAX
    grace_s_max: float = 20.0  # at the end: for the requests that run
    loop_bytes_max: int = 128 * 1024  # JSON beyond it is decoded and encoded in a thread, not on the loop
    compressed_loop_bytes_max: int = 16 * 1024  # the same where the answer may be compressed
    compressed_bytes_min: int = 1024  # a smaller answer is sent as it is

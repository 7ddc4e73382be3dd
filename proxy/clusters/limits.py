"""The limits of the clients of model servers."""

import msgspec


class ClientLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Every size, count and time that a client of model servers is bounded by."""

    connections_max: int = 1024  # per endpoint; beyond it a call is THROTTLED
    idle_max: int = 256  # kept-alive connections per endpoint
    idle_s_max: float = 15.0  # shorter than common servers' keep-alive, so that we close first
    connect_s_max: float = 2.0
    head_bytes_max: int = 64 * 1024
    body_bytes_max: int = 64 * 1024 * 1024

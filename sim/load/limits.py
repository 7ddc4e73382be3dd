"""What a run may take at most, and how well its generator must keep the schedule."""

import msgspec

PROCESSES_MAX = 32


class LoadLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one run, all its processes together."""

    requests_max: int = 5_000_000
    seconds_max: float = 3_600.0  # of the schedule
    connections_max: int = 4_096
    answer_s_max: float = 30.0  # a request without an answer for so long has failed; its connection is closed
    drain_s_max: float = 10.0  # for the last answers, after the schedule's end


class Punctuality(msgspec.Struct, frozen=True, kw_only=True):
    """A run that misses one of these says nothing about the server: it is invalid, not slow."""

    lag_p50_ms_max: float = 1.0  # from when a request was planned to when the generator turned to it
    lag_p99_ms_max: float = 5.0
    rate_share_min: float = 0.99  # of the planned rate
    held_share_max: float = 0.01  # of requests that waited because `connections_max` was reached

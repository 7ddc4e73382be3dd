"""What one turn of one peer in one case gave."""

import msgspec


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Times in milliseconds unless named otherwise; None where the case does not measure it."""

    peer: str
    case: str
    round: int
    turn: int = 1  # of the round
    requests: int = 0  # answered with 2xx
    errors: int = 0  # anything else: another status, no answer, a broken connection
    trouble: str = ""  # the errors in words; empty = none
    doubt: str = ""  # why the sample may say little, though there was no error
    per_s: float | None = None  # answers with 2xx per second
    p50_ms: float | None = None
    p99_ms: float | None = None
    p999_ms: float | None = None
    cpu_us: float | None = None  # the peer's processor time per request
    busy: float | None = None  # share of its core that the peer used
    others: float | None = None  # share of its core that anything else used, or the hypervisor took
    lag_ms: float | None = None  # open loop: p99 of how late the generator itself was
    connection_bytes: float | None = None  # idle: resident memory per connection

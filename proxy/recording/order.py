"""What is recorded: the operator's wish, the order that every process gets, and what each hands in.

Values only; they travel over HTTP (`Wish`) and over the family's channel (`Order`, `Batch`).
"""

import msgspec

from proxy.recording.redaction import Rule

FOREVER_S = 24 * 3600.0


class RecordingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a recording may take of the proxy, and what an operator may ask for."""

    seconds_max: float = FOREVER_S
    requests_max: int = 100_000_000
    bytes_max: int = 256 * 1024**3
    body_bytes_max: int = 16 * 1024**2  # of one body
    rules_max: int = 100
    held_bytes_max: int = 4 * 1024**2  # lines that wait in each process; beyond it requests are dropped
    sent_bytes_max: int = 1024**2  # that wait in a process's channel; beyond it lines wait
    gathered_bytes_max: int = 16 * 1024**2  # that wait for the one who records; beyond it lines are dropped
    tail_s: float = 5.0  # that requests of the recorded time may take to end after it
    grace_s: float = 2.0  # that a process may be silent after that
    stalled_s_max: float = 10.0  # that the one who records may read nothing
    flush_s: float = 0.1


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """As `penstock record` asks. The first limit that is reached ends the recording."""

    seconds: float = 60.0
    requests: int = 1_000_000
    bytes: int = 1024**3
    bodies: bool = False
    binary: bool = False  # bodies with a binary section, or that are no text, too
    redact: tuple[str, ...] = ()  # `redaction.read_rule`
    body_bytes: int = 64 * 1024  # larger bodies are left out


class BodyOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which bodies are recorded, and how. `key`: of the hashes; known to nobody after the recording."""

    rules: tuple[Rule, ...]
    binary: bool
    bytes_max: int
    key: bytes


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """Record what arrives from `began_s` to `until_s`, monotonic seconds, one clock for the machine."""

    serial: int
    began_s: float
    until_s: float
    epoch_s: float  # the wall clock's time at the monotonic 0
    limits: RecordingLimits
    bodies: BodyOrder | None


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """One process's account of one recording. arrived = recorded + dropped + unfinished."""

    recorded: int
    unfinished: int  # had not ended when the recording did
    dropped: dict[str, int]  # by reason
    withheld: dict[str, int]  # bodies, by reason


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of one process, in the order in which requests ended. `last`: there will be no more."""

    serial: int
    lines: bytes
    requests: int
    last: Sum | None = None

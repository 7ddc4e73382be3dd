"""The limits of the offline queue: every size, count and time that it is bounded by."""

import msgspec


class QueueLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Quotas are looked at when a ticket is asked for; what was accepted is never pushed out by them."""

    tickets_max: int = 1_000_000  # pending tickets; beyond it a put is refused as FULL
    stored_bytes_max: int = 4 * 1024**3  # parked requests and kept answers; beyond it FULL
    ended_max: int = 1_000_000  # ended tickets remembered; a sweep forgets the oldest beyond it
    waiting_ops_max: int = 4096  # operations handed in and not yet done; beyond it FULL
    waiting_bytes_max: int = 256 * 1024**2  # bodies of these; beyond it FULL
    stall_s: float = 5.0  # a put that the disk has not taken by then is withdrawn: BROKEN
    group_ops_max: int = 256  # operations of one commit
    group_bytes_max: int = 32 * 1024**2  # bodies of one commit
    batch_tickets_max: int = 2000  # of sweep, redrive and purge, in one commit: puts wait that long
    list_tickets_max: int = 1000  # of one `list`
    ticket_ttl_s: float = 24 * 3600.0  # pending longer than this: EXPIRED
    result_ttl_s: float = 3600.0  # an answer is kept so long after its ticket is DONE
    tombstone_ttl_s: float = 24 * 3600.0  # how long a ticket is remembered after its content is gone
    dead_ttl_s: float = 7 * 24 * 3600.0  # how long a DEAD or EXPIRED ticket can be redriven
    checked_bytes_max: int = 256 * 1024**2  # a file up to this size is checked whole when opened

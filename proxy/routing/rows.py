"""What a look-up in the table gives: rows in tiers, and the class. Values, never changed.

Dataclasses, not msgspec's: read several times for each request, and mypyc turns their fields into C's.
"""

from dataclasses import dataclass

ANY = "*"
"""The label of a row that matches every request."""


@dataclass(frozen=True, kw_only=True)
class QosClass:
    """A QoS class; `rank` 0 is the most critical."""

    name: str
    rank: int
    labels: frozenset[str]
    deadline_s: float | None = None  # the whole request's budget; None = the rows' timeouts alone
    hedge: bool = False  # late calls are made a second time (`qos/hedge.py`); of rank 0 alone


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the founding document's table. `number` counts from 1 in the file's order."""

    number: int
    application: str
    timeout_s: float
    weight: float
    priority: int
    cluster_type: str
    labels: frozenset[str]  # {"*"} matches every request
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class Tier:
    """Matching rows of one priority, in table order."""

    priority: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a set of labels selects: its class, and its tiers in ascending priority."""

    qos: QosClass
    tiers: tuple[Tier, ...]

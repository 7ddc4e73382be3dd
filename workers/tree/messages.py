"""What the supervisor and its children tell each other. Descriptors go with a message, in the order named."""

from typing import Any

import msgspec

from workers.device import Ground
from workers.entry import Entry
from workers.front.options import FrontOptions
from workers.tree.estate import Plan


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """To each child, first. With: the ledger, the child's bell and pulse; a front's estate too."""

    plan: Plan
    columns: int  # of the ledger
    column: int
    ground: Ground
    host: str = ""  # where a front listens
    port: int = 0
    grpc_host: str = ""
    grpc_port: int = 0
    options: FrontOptions = FrontOptions()


class Known(msgspec.Struct, frozen=True):
    """To all: there is a model of this number, counted in this row."""

    number: int
    row: int
    entry: Entry
    front: bool = False  # it runs in the fronts themselves
    prepared: bool = False  # stages prepare for it


class Load(msgspec.Struct, frozen=True):
    """To a predictor: load these."""

    numbers: tuple[int, ...]


class Release(msgspec.Struct, frozen=True):
    """To a predictor: give these back."""

    numbers: tuple[int, ...]


class Loaded(msgspec.Struct, frozen=True):
    """From whoever loads a model: it is proved; `line` says where and how fast."""

    number: int
    line: str


class Failed(msgspec.Struct, frozen=True):
    """From whoever loads a model: it cannot be loaded here. A front that cannot listen has no number."""

    number: int
    words: str


class Attach(msgspec.Struct, frozen=True):
    """To a worker: a front sends to you. With: its estate and its bell."""

    front: int
    seat: int


class Detach(msgspec.Struct, frozen=True):
    """To a worker: that front has died."""

    front: int


class Seated(msgspec.Struct, frozen=True):
    """To a front: a worker sits there. With: its bell."""

    seat: int
    stage: bool


class Vacated(msgspec.Struct, frozen=True):
    """To a front: the worker there has died."""

    seat: int


class Cleared(msgspec.Struct, frozen=True):
    """From a front: it has answered all that was there, and sends nothing more."""

    seat: int


class Serving(msgspec.Struct, frozen=True):
    """To a front: from now on these models run at these seats (none: nowhere yet). Others do not exist."""

    seats: dict[int, tuple[int, ...]]
    loaded: bool  # all were there once


class Retire(msgspec.Struct, frozen=True):
    """To a front: say `Idle` as soon as nothing of yours is at that seat."""

    seat: int


class Idle(msgspec.Struct, frozen=True):
    """From a front: see `Retire`."""

    seat: int


class Asked(msgspec.Struct, frozen=True):
    """From a front: a caller wants a model loaded or unloaded."""

    serial: int
    name: str
    load: bool
    override: dict[str, Any] | None = None  # parts of its configuration


class Told(msgspec.Struct, frozen=True):
    """To a front: how that went; words where it failed."""

    serial: int
    words: str = ""


class Began(msgspec.Struct, frozen=True):
    """From a front: it listens."""


class Finish(msgspec.Struct, frozen=True):
    """To a child: end. A front lets its requests end first."""

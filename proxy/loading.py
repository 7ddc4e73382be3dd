"""From a table's text to what a snapshot is built of: the table and its labelers, or all problems."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from labelers.registry import BadLabeler, build
from proxy.labeling import Labeler, Labeling
from proxy.ports import Clock, Log
from proxy.routing.parse import parse_table
from proxy.routing.problems import Problems
from proxy.routing.table import LabelerSpec, Table
from proxy.watchdog import LabelerWatch


class Loaded(msgspec.Struct, frozen=True):
    """A table that can be served."""

    table: Table
    labeling: Labeling

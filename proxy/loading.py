"""From a table's text to what a snapshot is built of: the table and its labelers, or all problems."""


import msgspec

from proxy.labeling import Labeling
from proxy.routing.table import Table


class Loaded(msgspec.Struct, frozen=True):
    """A table that can be served."""

    table: Table
    labeling: Labeling

"""A sight: how one process sees the applications at one moment, for whoever explains what it would do."""

import msgspec


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """By application; what is as usual is left out. Times are seconds."""

    bars: dict[str, str] = {}  # why it may not be called
    parts: dict[str, float] = {}  # of its weight, while it comes back after it was ill; below 1
    medians_s: dict[str, float] = {}  # what half of its calls take at most
    endpoints: dict[str, dict[str, str]] = {}  # by URL: why it is not drawn among the application's


USUAL = Sight()
"""Nothing stands against anybody: what the table alone says."""

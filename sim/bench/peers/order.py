"""Who is measured after whom: shuffled, but a peer and its twin one after the other."""

import random
from collections.abc import Mapping


def in_turn(twins: Mapping[str, str], rng: random.Random) -> list[str]:
    """The names in a new order. `twins` gives each one's twin (empty = it has none)."""
    groups: dict[str, list[str]] = {}
    for name, twin in twins.items():
        groups.setdefault(twin or name, []).append(name)
    shuffled = list(groups.values())
    rng.shuffle(shuffled)
    for group in shuffled:
        rng.shuffle(group)
    return [name for group in shuffled for name in group]

"""From a random generator to a case: some messages in a row, at most one of them odd or mutated."""

import random

from sim.fuzz import answers, requests
from sim.fuzz.case import CLUSTERS, EDGE, Case
from sim.fuzz.mutation import mutated, swollen
from sim.fuzz.requests import Maker

SENTINEL = b"GET /v2/models/sentinel HTTP/1.1\r\nHost: a\r\n\r\n"
"""Stands behind nearly every stream: whoever has lost the place in the stream serves it wrongly, or not."""


def draw(rng: random.Random, end: str) -> Case:
    """One case for an end."""
    return _callers_stream(rng) if end == EDGE else _servers_stream(rng)


def _callers_stream(rng: random.Random) -> Case:
    pieces = [_made(rng, requests.VALID) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))]
    kind = rng.random()
    if kind < 0.25:
        pieces.append(_made(rng, requests.VALID))
    elif kind < 0.3:
        pieces.append(requests.last(rng))
    elif kind < 0.6:
        pieces.append(_made(rng, requests.ODD))
    elif kind < 0.9:
        pieces.append(mutated(rng, _made(rng, requests.VALID)))
    else:
        pieces.append(mutated(rng, _made(rng, requests.ODD)))
    valid = kind < 0.3
    if rng.random() < 0.9:
        pieces.append(SENTINEL)
    data = b"".join(pieces)
    tight = rng.random() < 0.2
    if tight and rng.random() < 0.4:
        data = swollen(rng, data)
    return Case(end=EDGE, data=data, cut_seed=rng.getrandbits(32), tight=tight, valid=valid and not tight)


def _servers_stream(rng: random.Random) -> Case:
    kind = rng.random()
    if kind < 0.35:
        data = _made(rng, answers.VALID)
    elif kind < 0.65:
        data = _made(rng, answers.ODD)
    elif kind < 0.95:
        data = mutated(rng, _made(rng, answers.VALID))
    else:
        data = mutated(rng, _made(rng, answers.ODD))
    valid = kind < 0.35
    if rng.random() < 0.1:  # more than was asked for
        data += answers.plain(rng)
        valid = False
    tight = rng.random() < 0.2
    if tight and rng.random() < 0.4:
        data = swollen(rng, data)
    return Case(end=CLUSTERS, data=data, cut_seed=rng.getrandbits(32), tight=tight, valid=valid and not tight)


def _made(rng: random.Random, kinds: dict[Maker, int]) -> bytes:
    return rng.choices(tuple(kinds), tuple(kinds.values()))[0](rng)

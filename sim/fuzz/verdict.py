"""What a case comes to, in lines: as the corpus states it."""

import codecs

from proxy.messages import Answer
from sim.fuzz.callers import Meaning
from sim.fuzz.case import EDGE, Case
from sim.fuzz.clusters import ClustersUnderTest
from sim.fuzz.edge import EdgeUnderTest

IF_CUT = "if cut, "
"""So begins an expected line that holds where the bytes come one by one, and not where they come at once."""


def verdict(case: Case, pieces: list[bytes]) -> tuple[str, ...]:
    """For a caller's stream what was served, answered and refused; for a server's what the call came to."""
    if case.end == EDGE:
        return _of_caller(Meaning(EdgeUnderTest().hear(pieces, tight=case.tight)))
    called = ClustersUnderTest().call(pieces, clean=True, tight=case.tight)
    (result,) = called.results
    if not isinstance(result, Answer):
        return (called.outcome,)
    return _shown("answer", b"%d" % result.status, *_fields(result.fields), result.body), (
        "reused" if called.reused else "closed"
    )


def expected(case: Case, *, cut: bool) -> tuple[str, ...]:
    """What the corpus says of it."""
    if_cut = tuple(each.removeprefix(IF_CUT) for each in case.expected if each.startswith(IF_CUT))
    return if_cut if cut and if_cut else tuple(each for each in case.expected if not each.startswith(IF_CUT))


def _of_caller(meaning: Meaning) -> tuple[str, ...]:
    lines = [
        _shown("served", passed.method, passed.target, *_fields(passed.headers), passed.body)
        if passed
        else f"answered {status}"
        for status, passed in meaning.asked()
    ]
    if meaning.refused:
        return (*lines, f"refused {meaning.refused}")
    return (*lines, "closed") if meaning.ended else tuple(lines) or ("waits",)


def _fields(fields: tuple[tuple[bytes, bytes], ...]) -> list[bytes]:
    return [b"%b: %b;" % field for field in fields]


def _shown(*parts: str | bytes) -> str:
    raw = b" ".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    return codecs.escape_encode(raw)[0].decode().rstrip()

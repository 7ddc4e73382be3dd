"""Judges what a caller's stream came to: against the rules, against another cut, and against h11."""

import random

from sim.fuzz.case import Case, Fault
from sim.fuzz.cuts import cut
from sim.fuzz.edge import HELD_BYTES_MAX, TIGHT, EdgeUnderTest, Heard, Passed
from sim.fuzz.passing import agrees, judge_passed, judge_rendering
from sim.fuzz.permitted import CLOSE_IN_TRAILER, ENDINGS, LAXER, STRICTER
from sim.fuzz.reference import REFUSED, Reading, read_requests
from sim.fuzz.said import Said, read_said

WEIGHED = 32
"""One case in so many is weighed, or its requests are written on and read by h11: both take time."""

UNKEPT = 431
"""What is not kept (trailers, extensions of chunks) is bounded by the piece, so that cuts decide."""


class Meaning:
    """What a stream came to, seen from outside."""

    def __init__(self, heard: Heard) -> None:
        self.passed = heard.passed
        said = read_said(heard.written)
        self.answers = [each for each in said if not each.refusal]
        self.refusals = [each for each in said if each.refusal]
        self.ended = heard.ended
        self._judge_order(said, heard)

    @property
    def refused(self) -> int:
        """The status of the refusal, 0 without one."""
        return self.refusals[0].status if self.refusals else 0

    def asked(self) -> list[tuple[int, Passed | None]]:
        """For every answer its status, and the request that it answers where the pipeline saw it."""
        passed = iter(self.passed)
        return [(each.status, None if each.echo is None else next(passed)) for each in self.answers]

    def _judge_order(self, said: list[Said], heard: Heard) -> None:
        if heard.bugs:
            raise Fault(f"an exception: {heard.bugs}")
        if heard.unanswered:
            raise Fault(f"{heard.unanswered} requests are neither answered nor given up")
        echoes = [each.echo for each in said if each.echo is not None]
        if [number if echo < 0 else echo for number, echo in enumerate(echoes)] != list(
            range(len(self.passed))
        ):
            raise Fault(f"{len(self.passed)} requests were passed on, and these answered: {echoes}")
        if len(self.refusals) > 1 or (self.refusals and not said[-1].refusal):
            raise Fault("something was answered after a refusal")
        if any(each.closes for each in said[:-1]):
            raise Fault("something was answered after the last answer")
        if bool(said and said[-1].closes) != heard.ended:
            raise Fault("the end of the connection was not announced, or did not come")
        for each in self.passed:
            judge_passed(each)


def judge_callers_stream(case: Case, edge: EdgeUnderTest) -> str:
    """In a word what it came to. Raises Fault, or whatever came out of the protocol."""
    rng = random.Random(case.cut_seed)
    pieces = cut(rng, case.data)
    weighs = case.tight and rng.randrange(WEIGHED) == 0
    whole = Meaning(edge.hear([case.data] if case.data else [], tight=case.tight))
    heard = edge.hear(pieces, rng, tight=case.tight, weighs=weighs)
    if heard.held_bytes_max > HELD_BYTES_MAX + max(map(len, pieces), default=0):
        raise Fault(f"{heard.held_bytes_max} bytes are held")
    judge_same(whole, Meaning(heard))
    if case.tight:
        for passed in whole.passed:
            judge_limits(passed)
    if rng.randrange(8) == 0:
        _judge_leaving(edge.hear(pieces, rng, tight=case.tight, leaves=True), whole)
    if rng.randrange(WEIGHED) == 0:
        for passed in whole.passed:
            judge_rendering(passed)
    return judge_against_h11(case, whole)


def judge_limits(passed: Passed) -> None:
    """Nothing over the tight limits is passed on."""
    head_bytes = sum(len(name) + len(value) for name, value in passed.headers)
    if (
        len(passed.body) > TIGHT.body_bytes_max
        or len(passed.target) > TIGHT.target_bytes_max
        or len(passed.headers) > TIGHT.headers_max
        or head_bytes > TIGHT.head_bytes_max
    ):
        raise Fault(f"over the limits, and passed on: {passed}")


def judge_same(one: Meaning, other: Meaning) -> None:
    """However it was cut, whenever it was answered: all but which of several faults was found first."""
    both = min(len(one.answers), len(other.answers))
    if one.asked()[:both] != other.asked()[:both]:
        raise Fault(f"cut otherwise, other requests: {one.asked()} and {other.asked()}")
    if any(each.refused == UNKEPT and len(each.answers) == both for each in (one, other)):
        return
    if len(one.answers) != len(other.answers):
        raise Fault(f"cut otherwise, other requests: {one.asked()} and {other.asked()}")
    if (bool(one.refused), one.ended) != (bool(other.refused), other.ended):
        raise Fault(f"cut otherwise, another end: {one.refused} and {other.refused}")


def _judge_leaving(heard: Heard, whole: Meaning) -> None:
    """A caller that leaves half-way: what was passed on before is what would have been."""
    if heard.unanswered or heard.bugs:
        raise Fault("a request was not given up when its caller left")
    if heard.passed != whole.passed[: len(heard.passed)]:
        raise Fault("a caller that leaves changes what it has asked before")


def judge_against_h11(case: Case, ours: Meaning) -> str:
    """What both have read must be the same; who reads further must be allowed to."""
    data, theirs, lenient = case.data, read_requests(case.data), ""
    while theirs.state == REFUSED and (len(ours.answers) > len(theirs.requests) or not ours.ended):
        leniency = next((each for each in LAXER if each.error.match(theirs.why)), None)
        plain = leniency and leniency.plain(data[theirs.rest :], theirs.why)
        if leniency is None or plain == data[theirs.rest :]:
            raise Fault(f"h11 refuses, we do not: {theirs.why}")
        data = data[: theirs.rest] + (plain or b"")
        theirs, lenient = read_requests(data), leniency.name
    _judge_common(case, ours, theirs)
    if len(ours.answers) > len(theirs.requests):
        raise Fault(f"read on where h11 says {theirs.state}")
    if len(ours.answers) < len(theirs.requests):
        return _stricter(data, ours, theirs)
    if lenient:
        return f"laxer: {lenient}"
    if ours.refused:
        return "both refuse" if theirs.state == REFUSED else "refused before it was whole"
    return "the same"


def _judge_common(case: Case, ours: Meaning, theirs: Reading) -> None:
    for (status, passed), read in zip(ours.asked(), theirs.requests, strict=False):
        if passed is not None and not agrees(passed, read):
            raise Fault(f"read differently: {passed} and {read}")
        if passed is None and case.valid and read.target.endswith(b"/infer"):
            raise Fault(f"{status}, but it is well-formed: {read}")
    if case.valid and (ours.refused or theirs.state == REFUSED):
        raise Fault(f"well-formed, and refused: {ours.refused or theirs.why}")


def _stricter(data: bytes, ours: Meaning, theirs: Reading) -> str:
    place = len(ours.answers)
    before = data[theirs.requests[place - 1].start : theirs.requests[place - 1].end] if place else b""
    if ours.ended and not ours.refused:
        for ending in ENDINGS:
            if ending.looks(before):
                return f"stricter: {ending.name}"
        raise Fault("the connection ended without need")
    read = theirs.requests[place]
    message = data[read.start : read.end]
    for each in STRICTER:
        if ours.refused in each.statuses and each.looks(message):
            return f"stricter: {each.name}"
    if ours.refused and CLOSE_IN_TRAILER.search(before):
        return "stricter: a trailer that says close"
    raise Fault(f"h11 reads a request where we say {ours.refused or 'nothing'}: {message!r}")

"""Judges what a model server's stream came to: one result, the right one, no reuse in doubt."""

import random

from proxy.messages import Answer
from sim.fuzz.case import Case, Fault
from sim.fuzz.clusters import HELD_BYTES_MAX, Called, ClustersUnderTest
from sim.fuzz.cuts import cut
from sim.fuzz.passing import OF_AN_ANSWER, fields_passed_on
from sim.fuzz.permitted_answers import LAXER, REUSED, STRICTER, only_empty_lines
from sim.fuzz.reference import AnswerRead, read_answer

WEIGHED = 32
"""One tight case in so many is weighed: it takes time."""


def judge_servers_stream(case: Case, clusters: ClustersUnderTest) -> str:
    """In a word what it came to. Raises Fault, or whatever came out of the protocol."""
    rng = random.Random(case.cut_seed)
    pieces = cut(rng, case.data)
    clean = rng.random() < 0.8
    weighs = case.tight and rng.randrange(WEIGHED) == 0
    whole = clusters.call([case.data] if case.data else [], clean=clean, tight=case.tight)
    other = clusters.call(pieces, clean=clean, tight=case.tight, weighs=weighs)
    if other.held_bytes_max > HELD_BYTES_MAX + 2 * max(map(len, pieces), default=0):
        raise Fault(f"{other.held_bytes_max} bytes are held")
    for each in (whole, other):
        judge_order(each)
    _judge_same(case, whole, other)
    theirs = read_answer(case.data, clean=clean)
    judge_against_h11(case, other, theirs)
    return judge_against_h11(case, whole, theirs)


def judge_order(called: Called) -> None:
    """One result, the connection given back when it is whole, and the next answer in its place."""
    if len(called.results) != 1:
        raise Fault(f"one call came to {called.results}")
    if called.released.count(True) > 1 + called.reused or called.released[-1]:
        raise Fault(f"given back {called.released}")
    if called.unasked and called.reused:
        raise Fault("a connection was used again after bytes that nobody had asked for")
    if called.reused:
        second = called.second[0] if called.second else None
        if not isinstance(second, Answer) or (second.status, second.body) != (200, b"second"):
            raise Fault(f"the next call over the connection came to {second}")
    result = called.results[0]
    if isinstance(result, Answer):
        for name, _ in result.fields:
            if name.lower() in OF_AN_ANSWER:
                raise Fault(f"a field of the connection was passed on: {name!r}")


def _judge_same(case: Case, whole: Called, other: Called) -> None:
    """Cut otherwise, the same: but what stands behind an answer may come when the answer has been given.

    And what is not kept (phrases, trailers, extensions of chunks) is bounded by the piece.
    """
    one, two = whole.results[0], other.results[0]
    if isinstance(two, Answer) and not isinstance(one, Answer):
        if other.reused:
            raise Fault(f"cut otherwise, another result: {one} and {two}")
    elif isinstance(one, Answer) and one != two:
        if isinstance(two, Answer) or not case.tight:
            raise Fault(f"cut otherwise, another result: {one} and {two}")
    elif isinstance(one, Answer) and whole.reused != other.reused and not (whole.reused and other.unasked):
        raise Fault("cut otherwise, the connection is used again or not")


def judge_against_h11(case: Case, called: Called, theirs: AnswerRead) -> str:
    """What both have read must be the same; who reads more must be allowed to."""
    result = called.results[0]
    if not isinstance(result, Answer):
        return _judge_failure(case, called, theirs)
    for leniency in LAXER:
        if leniency.error.match(theirs.why) and leniency.looks(case, theirs):
            return f"laxer: {leniency.name}"
    if theirs.why:
        raise Fault(f"h11 refuses ({theirs.why}), we read {result}")
    if (result.status, result.body) != (theirs.status, theirs.body):
        raise Fault(f"read differently: {result} and {theirs}")
    fields = [(name.lower(), value) for name, value in result.fields]
    if fields != fields_passed_on(theirs.headers, OF_AN_ANSWER):
        raise Fault(f"other fields: {result.fields} and {theirs.headers}")
    reusable = theirs.reusable or REUSED.looks(case, theirs)
    if called.reused and not (reusable and only_empty_lines(theirs.behind)):
        raise Fault("a connection was used again that h11 would close")
    return "the same"


def _judge_failure(case: Case, called: Called, theirs: AnswerRead) -> str:
    if case.valid and (not theirs.why or called.outcome != "reset"):
        raise Fault(f"well-formed, and failed: {called.results}")
    if theirs.why:
        return "neither takes it"
    for refusal in STRICTER:
        if refusal.looks(case, theirs):
            return f"stricter: {refusal.name}"
    raise Fault(f"h11 reads an answer where we say {called.results}")

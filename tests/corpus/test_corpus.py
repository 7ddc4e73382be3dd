"""Every case of the corpus at the end that it is for, at once and byte by byte."""

from pathlib import Path

import pytest

from sim.fuzz.case import CLUSTERS, EDGE, Case
from sim.fuzz.corpus import read_corpus
from sim.fuzz.judges import Judges
from sim.fuzz.verdict import expected, verdict

CORPUS = read_corpus(Path(__file__).parent / "http")


def bytewise(data: bytes) -> list[bytes]:
    return [data[place : place + 1] for place in range(len(data))]


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: f"{case.end}: {case.name}")
def test_the_case_comes_to_what_the_corpus_says(case: Case) -> None:
    """Refused with that status, or read as exactly these requests, however it is cut."""
    if case.expected:
        assert verdict(case, [case.data] if case.data else []) == expected(case, cut=False)
        assert verdict(case, bytewise(case.data)) == expected(case, cut=True)


def test_no_case_of_the_corpus_breaks_a_rule_or_means_another_thing_to_h11() -> None:
    """Those that the fuzzer found say nothing themselves: the judges that found them do."""
    judges = Judges()
    complaints = {case.name: judges.complaint(case) for case in CORPUS}
    assert not {name: text for name, text in complaints.items() if text}
    assert not judges.leak()


def test_the_corpus_has_cases_of_both_ends_and_both_verdicts() -> None:
    """A folder that is not found would hold nothing that fails."""
    firsts = {(case.end, case.expected[0].split()[0]) for case in CORPUS if case.expected}
    wanted = {(EDGE, "served"), (EDGE, "refused"), (CLUSTERS, "answer"), (CLUSTERS, "garbage")}
    assert wanted <= firsts
    assert len({(case.end, case.name, case.data) for case in CORPUS}) == len(CORPUS) > 300

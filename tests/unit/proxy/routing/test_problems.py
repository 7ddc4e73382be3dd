"""Problems: one line each, sorted, with a hint where there is one."""

from proxy.routing.problems import Problem, Problems, Reports, nearest


def test_problems_read_as_a_compiler_writes_them() -> None:
    """Editors jump to `file:line:`."""
    problems = Problems((Problem(3, "wrong", "do right"), Problem(4, "worse")))
    assert list(problems.lines("t.yaml")) == ["t.yaml:3: wrong (do right)", "t.yaml:4: worse"]


def test_problems_come_out_by_line() -> None:
    """The parser finds them section by section; a person reads from the top. On one line, as found."""
    reports = Reports()
    for line, message in ((9, "c"), (2, "b"), (9, "a")):
        reports.add(line, message)
    assert [(each.line, each.message) for each in reports.problems().found] == [(2, "b"), (9, "c"), (9, "a")]


def test_the_hint_names_what_was_probably_meant_else_what_there_is() -> None:
    """A list of 10,000 ids would help nobody."""
    assert nearest("wieght", ["weight", "label"]) == "did you mean 'weight'?"
    assert nearest("zzz", ["weight", "label"]) == "known: label, weight"
    assert nearest("zzz", [f"a{number}" for number in range(100)]) == ""

"""`${NAME}` in strings."""

from proxy.routing.environment import Substitution, substitute


def test_references_are_filled_in_wherever_they_stand() -> None:
    """Several in one string, and next to other text."""
    assert substitute("Bearer ${A}-${B_2}", {"A": "x", "B_2": "y"}) == Substitution("Bearer x-y")


def test_what_is_filled_in_is_not_read_again() -> None:
    """A secret may contain '${'."""
    assert substitute("${A}", {"A": "${B}", "B": "no"}) == Substitution("${B}")


def test_a_doubled_dollar_stands_for_a_plain_one_before_a_brace() -> None:
    """And only there."""
    assert substitute("$${A} $$ $5 $A", {}) == Substitution("${A} $$ $5 $A")


def test_every_missing_variable_is_named() -> None:
    """All at once, as everything else that is wrong."""
    found = substitute("${A}${B}", {"C": "hunter2"})
    assert isinstance(found, list)
    assert [message for message, _ in found] == [
        "environment variable A is not set",
        "environment variable B is not set",
    ]


def test_a_reference_without_a_proper_name_is_refused() -> None:
    """A shell's defaults (`${A:-b}`) are not spoken here, and would pass unnoticed otherwise."""
    for text in ("${A", "${}", "${A:-b}", "${1}"):
        found = substitute(text, {"A": "x"})
        assert isinstance(found, list)
        assert found[0][0] == "'${' without a variable's name and '}'"

"""What is wrong with a table, all of it at once: each problem with its line and a hint.

A problem never repeats a value that was read from the environment: it may be a secret.
"""

import difflib
from collections.abc import Iterable

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong. `line` counts from 1; `hint` says what to do, '' where that is plain."""

    line: int
    message: str
    hint: str = ""


class Problems(msgspec.Struct, frozen=True):
    """Why a text is not a table; never empty, sorted by line."""

    found: tuple[Problem, ...]

    def lines(self, filename: str) -> Iterable[str]:
        """`file:line: message (hint)`, as compilers say it, so that editors can jump there."""
        for problem in self.found:
            hint = f" ({problem.hint})" if problem.hint else ""
            yield f"{filename}:{problem.line}: {problem.message}{hint}"


class Reports:
    """Collects problems while a text is read. `key` is the key whose value is being read."""

    def __init__(self, found: list[Problem] | None = None, key: str = "") -> None:
        self.found: list[Problem] = [] if found is None else found
        self._key = key

    def of(self, key: str) -> "Reports":
        """The same collection, for the value of a key: its problems begin with the key's name."""
        return Reports(self.found, key)

    def add(self, line: int, message: str, hint: str = "") -> None:
        """Note a problem and read on."""
        said = f"{self._key}: {message}" if self._key else message
        self.found.append(Problem(line, said, hint))

    def problems(self) -> Problems:
        """All of them, by line; problems of one line in the order in which they were found."""
        return Problems(tuple(sorted(self.found, key=lambda problem: problem.line)))


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint: the known word that was probably meant, else all of them (few) or nothing (many)."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known: {', '.join(choices)}" if len(choices) <= _LISTED_MAX else ""


_LISTED_MAX = 20

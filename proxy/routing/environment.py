"""`${NAME}` in a table's strings: read from the environment, so that secrets never stand in a table.

`$${` stands for a literal `${`. Never echoes a value: problems name the variable only.
"""

import re
from collections.abc import Mapping

import msgspec

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{")


class Substitution(msgspec.Struct, frozen=True):
    """A string with every reference filled in."""

    text: str


def substitute(text: str, environ: Mapping[str, str]) -> Substitution | list[tuple[str, str]]:
    """`text` filled in, or every problem with it as (message, hint)."""
    problems: list[tuple[str, str]] = []

    def fill(match: re.Match[str]) -> str:
        name = match.group(1)
        if match.group() == "$${":
            return "${"
        if name is None:
            problems.append(
                ("'${' without a variable's name and '}'", "write ${NAME}, or $${ for a plain ${")
            )
        elif name not in environ:
            problems.append((f"environment variable {name} is not set", "set it where the proxy runs"))
        else:
            return environ[name]
        return ""

    filled = _REFERENCE.sub(fill, text)
    return problems or Substitution(filled)

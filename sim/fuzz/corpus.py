r"""Cases as text that a diff can show: every byte escaped, the ends of lines too.

    === a length and a coding
    edge cut-seed=3 tight
    > refused 400
    | POST /v2/models/m/infer HTTP/1.1\r\n
    | Content-Length: 4\r\n

A line that begins with `#` is a remark. `>` says what the case must come to, in order; a case without it is
left to the judges alone.
"""

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path

from sim.fuzz.case import CLUSTERS, EDGE, Case

FOLDER = Path("tests/corpus/http")
"""Seen from the repository, where the fuzzer is run."""

SUFFIX = ".http"


def read_corpus(folder: Path) -> list[Case]:
    """All cases of a folder's files. Raises ValueError where one is not well-formed."""
    return [case for path in sorted(folder.glob("*" + SUFFIX)) for case in read_cases(path)]


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of one file."""
    _, *parts = ("\n" + path.read_text(encoding="ascii")).split("\n=== ")
    for part in parts:
        yield _read_case(part)


def write_cases(path: Path, cases: Iterable[Case]) -> None:
    """A file that reads as the same cases."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(case_text, cases)), encoding="ascii")


def case_text(case: Case) -> str:
    """One case as it stands in a file."""
    how = [case.end, *([f"cut-seed={case.cut_seed}"] if case.cut_seed else []), *(["tight"] * case.tight)]
    lines = [f"=== {case.name}", " ".join(how), *(f"> {each}" for each in case.expected)]
    pieces = case.data.split(b"\n")
    for place, piece in enumerate(pieces):
        rest = place == len(pieces) - 1
        if piece or not rest:
            lines.append("| " + codecs.escape_encode(piece)[0].decode() + ("" if rest else "\\n"))
    return "\n".join(lines) + "\n"


def _read_case(part: str) -> Case:
    name, how, *lines = [line for line in part.splitlines() if line and not line.startswith("#")]
    end, *settings = how.split()
    if end not in (EDGE, CLUSTERS):
        raise ValueError(f"{name}: '{end}' is no end")
    for line in lines:
        if line[:2] not in ("| ", "> "):
            raise ValueError(f"{name}: {line!r}")
    seeds = [int(each.removeprefix("cut-seed=")) for each in settings if each.startswith("cut-seed=")]
    escaped = "".join(line[2:] for line in lines if line[0] == "|")
    return Case(
        end=end,
        data=codecs.escape_decode(escaped.encode())[0],
        cut_seed=seeds[0] if seeds else 0,
        tight="tight" in settings,
        name=name,
        expected=tuple(line[2:] for line in lines if line[0] == ">"),
    )

"""Trace files: CSV with a header, plain or gzip, read by column. Says every bad line, with the file's name.

Decides what a number, a word and a time are; never what a column means.
"""

import csv
import gzip
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

from proxy.routing.problems import Reports, nearest
from sim.shapes.errors import TraceRefused

ROWS_MAX = 20_000_000
PROBLEMS_MAX = 20
TIME_NAMES = ("t", "t_s", "timestamp", "time", "arrival_time", "arrived_at")
"""Columns that hold times, in any case; seconds, or dates with an hour."""

Floats = npt.NDArray[np.float64]

_OFFSET = re.compile(r"(?<=\d)(Z|[+-]\d\d:?\d\d)$")


class Sheet:
    """The cells of a file, column by column. Raises TraceRefused from each method."""

    def __init__(self, path: Path, header: list[str], rows: list[list[str]], lines: list[int]) -> None:
        self.path = path
        self.header = header
        self._rows = rows
        self._lines = lines

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, name: str) -> bool:
        """Whether there is such a column."""
        return name in self.header

    def line(self, place: int) -> int:
        """The line of the file on which a row stands."""
        return self._lines[place]

    def starting(self, prefix: str) -> str:
        """The one column whose name begins so."""
        found = [name for name in self.header if name.startswith(prefix)]
        if len(found) != 1:
            raise self.refused([(1, f"{len(found)} columns begin with '{prefix}', one is wanted")])
        return found[0]

    def time_name(self) -> str:
        """The column of times."""
        for name in self.header:
            if name.lower() in TIME_NAMES:
                return name
        raise self.refused([(1, f"no column of times (one of {', '.join(TIME_NAMES)})")])

    def words(self, name: str) -> list[str]:
        """A column as text."""
        place = self._place(name)
        return [row[place].strip() for row in self._rows]

    def numbers(self, name: str, *, least: float = 0.0) -> Floats:
        """A column of finite numbers from `least` on."""
        words = self.words(name)
        try:
            values = np.array(words, dtype=np.float64)
        except ValueError:
            raise self._bad(name, words, _is_number, "is not a number") from None
        wrong = ~np.isfinite(values) | (values < least)
        if wrong.any():
            found = [(self._lines[each], f"{name} {words[each]!r} is not a number of {least:g} or more")
                     for each in np.flatnonzero(wrong)]  # fmt: skip
            raise self.refused(found)
        return values

    def times_s(self, name: str) -> Floats:
        """A column of times in seconds: as written, or, where they are dates, from the first row on."""
        words = self.words(name)
        if words and _is_number(words[0]):
            return self.numbers(name)
        try:
            stamps = np.array([_date(each) for each in words], dtype="datetime64[ns]")
        except ValueError:
            raise self._bad(name, words, _is_date, "is neither a date with an hour nor seconds") from None
        if np.isnat(stamps).any():
            raise self._bad(name, words, _is_date, "is neither a date with an hour nor seconds")
        seconds: Floats = (stamps - stamps[:1]).astype(np.int64) / 1e9
        return seconds

    def refused(self, found: Iterable[tuple[int, str]], hint: str = "") -> TraceRefused:
        """The error that names the file and these lines."""
        reports = Reports()
        for place, (line, message) in enumerate(found):
            if place == PROBLEMS_MAX:
                reports.add(line, "and more")
                break
            reports.add(line, message, hint)
        return TraceRefused("\n" + "\n".join(reports.problems().lines(str(self.path))))

    def _bad(self, name: str, words: list[str], good: Callable[[str], bool], said: str) -> TraceRefused:
        wrong = (
            (self._lines[at], f"{name} {word!r} {said}") for at, word in enumerate(words) if not good(word)
        )
        return self.refused(wrong)

    def _place(self, name: str) -> int:
        if name not in self.header:
            raise self.refused([(1, f"no column '{name}'")], nearest(name, self.header))
        return self.header.index(name)


def read_sheet(path: Path, columns: Sequence[str] = ()) -> Sheet:
    """The file, which has at least these columns. Raises TraceRefused."""
    try:
        with _open(path) as file:
            sheet = _read(path, file)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TraceRefused(f"{path}: {said}") from error
    missing = [name for name in columns if not sheet.has(name)]
    if missing:
        raise sheet.refused((1, f"no column '{name}'") for name in missing)
    if not len(sheet):
        raise sheet.refused([(1, "no rows")])
    return sheet


def header_of(path: Path) -> list[str]:
    """The names of its columns. Raises TraceRefused."""
    try:
        with _open(path) as file:
            return [name.strip() for name in next(csv.reader(file), [])]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TraceRefused(f"{path}: {error}") from error


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _read(path: Path, file: TextIO) -> Sheet:
    reader = csv.reader(file)
    header = [name.strip() for name in next(reader, [])]
    rows: list[list[str]] = []
    lines: list[int] = []
    ragged: list[tuple[int, str]] = []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            ragged.append((reader.line_num, f"{len(row)} cells; the header has {len(header)}"))
        if len(rows) >= ROWS_MAX:
            ragged.append((reader.line_num, f"more than {ROWS_MAX:,} rows"))
            break
        rows.append(row)
        lines.append(reader.line_num)
    sheet = Sheet(path, header, rows, lines)
    if ragged:
        raise sheet.refused(ragged)
    return sheet


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_date(word: str) -> bool:
    try:
        return bool(word) and not np.isnat(_date(word))
    except ValueError:
        return False


def _date(word: str) -> np.datetime64:
    """A date in UTC. numpy knows no offsets from it: they are taken off here. Raises ValueError."""
    found = _OFFSET.search(word) if ":" in word else None
    if found is None:
        return np.datetime64(word, "ns")
    stamp = np.datetime64(word[: found.start()], "ns")
    if found[0] == "Z":
        return stamp
    digits = found[0][1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    return stamp - np.timedelta64(minutes if found[0][0] == "+" else -minutes, "m")

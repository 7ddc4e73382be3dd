"""keywords: labels for the words that stand in a request's texts (`texts.py` says where it looks).

Many words at once (Aho-Corasick). Case, width and composition are evened out on both sides (NFKC, case
folding), invisible characters are left out. Words of alphabets that use spaces match as whole words unless
`wholeWords: false`; Chinese words match anywhere. Never a judgement: only where the request is led.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import ahocorasick_rs
import msgspec

from labelers.api import Payload
from labelers.labels import Labeler, canonical
from labelers.texts import texts_of

WORDS_MAX = 200_000
WORD_CHARS_MAX = 64
FILE_BYTES_MAX = 16 * 1024 * 1024

PIECE_CHARS = 8 * 1024
"""Searched at a time: between pieces the watchdog may step in, and matches stay few."""

_IDEOGRAPHIC = "\u2e80"
"""From here on the scripts of East Asia, which write no spaces."""

_INVISIBLE = dict.fromkeys((0xAD, *range(0x200B, 0x2010), 0x2060, 0xFEFF))


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Options of keywords. At least one of `words` and `file`."""

    words: dict[str | int, list[str] | str] = {}  # label → words
    file: str = ""  # beside the table; a line is `label word`; lines that begin with `#` are comments
    whole_words: bool = True


class Pattern(msgspec.Struct, frozen=True):
    """A word as it is searched, whose it is, and at which of its ends a word must end."""

    text: str
    label: str
    open_start: bool
    open_end: bool


def build(options: Options, base: Path | None) -> Labeler:
    """The labeler. Raises `ValueError` on bad words, labels, or a file that cannot be read."""
    words = [
        (label, word) for label, of in options.words.items() for word in ([of] if isinstance(of, str) else of)
    ]
    if options.file:
        words += _read((base or Path()) / options.file)
    if not words:
        raise ValueError("there are no words: give 'words' or 'file'")
    if len(words) > WORDS_MAX:
        raise ValueError(f"there are more than {WORDS_MAX} words")
    patterns = list(dict.fromkeys(_pattern(label, word, options.whole_words) for label, word in words))
    search = _searcher(patterns)
    labels_all = len({pattern.label for pattern in patterns})

    def keywords(payload: Payload) -> Iterable[int | str]:
        found: dict[str, None] = {}
        for text in texts_of(payload):
            for label in search(even(text)):
                found[label] = None
            if len(found) == labels_all:
                break
        return list(found)

    return keywords


def even(text: str) -> str:
    """The text as it is compared: NFKC, case folded, invisible characters left out."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", text).translate(_INVISIBLE).casefold()
    return unicodedata.normalize("NFKC", folded)


def _pattern(label: object, word: str, whole: bool) -> Pattern:
    text = even(word).strip()
    if not text or len(text) > WORD_CHARS_MAX:
        raise ValueError(f"a word has 1 to {WORD_CHARS_MAX} characters, not '{word[:WORD_CHARS_MAX]}'")
    return Pattern(text, canonical(label), whole and _spaced(text[0]), whole and _spaced(text[-1]))


def _searcher(patterns: list[Pattern]) -> Callable[[str], Iterator[str]]:
    automaton = ahocorasick_rs.AhoCorasick([pattern.text for pattern in patterns], store_patterns=False)
    overlap = max(len(pattern.text) for pattern in patterns) - 1

    def search(text: str) -> Iterator[str]:
        """The labels of the words in `text`; a label may come twice."""
        for start in range(0, max(1, len(text) - overlap), PIECE_CHARS):
            piece = text[start : start + PIECE_CHARS + overlap]
            for number, begin, end in automaton.find_matches_as_indexes(piece, overlapping=True):
                pattern = patterns[number]
                if pattern.open_start and begin + start > 0 and _spaced(text[begin + start - 1]):
                    continue
                if pattern.open_end and end + start < len(text) and _spaced(text[end + start]):
                    continue
                yield pattern.label

    return search


def _spaced(character: str) -> bool:
    """A letter or digit of a script that puts spaces between words."""
    return character < _IDEOGRAPHIC and character.isalnum()


def _read(path: Path) -> list[tuple[Any, str]]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ValueError(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        lines = path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8") from error
    words = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        label, _, word = line.strip().partition(" ")
        if not word.strip():
            raise ValueError(f"{path}, line {number}: a line is a label, a space and a word")
        words.append((label, word.strip()))
    return words

"""Words are found whatever their case, width and place, and only where a word stands."""

import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labelers import Payload, PayloadError
from labelers.errors import BadLabeler
from labelers.keywords import PIECE_CHARS
from labelers.labels import collect
from labelers.registry import build
from labelers.texts import TEXT_CHARS_MAX, texts_of


def text_request(*texts: str, **rest: Any) -> Payload:
    entry = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": list(texts)}
    return Payload(body=msgspec.json.encode({"inputs": [entry], **rest}))


def labels(payload: Payload, base: Path | None = None, **options: Any) -> list[str]:
    return collect(build("keywords", options, base=base), payload)


WORDS = {44: ["ass", "Café", "c++"], 7: ["微商", "加微信"], "long": "free shipping"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("you ASS!", ["44"]),
        ("first class", []),
        ("assume", []),
        ("(ass)", ["44"]),
        ("ｙｏｕ ＡＳＳ", ["44"]),
        ("CAFE\u0301 au lait", ["44"]),
        ("learn C++ now", ["44"]),
        ("c++x", ["44"]),
        ("请加微信购买", ["7"]),
        ("请加\u200b微\u2060信", ["7"]),
        ("买ass吧", ["44"]),
        ("微商 with Free  Shipping", ["7"]),
        ("微商 with Free Shipping", ["7", "long"]),
        ("", []),
    ],
)
def test_words_are_found_by_what_a_reader_sees(text: str, found: list[str]) -> None:
    """Case, width, accents and invisible characters are how filters are dodged; "class" is no insult."""
    assert labels(text_request(text), words=WORDS) == found


def test_parts_of_words_are_found_on_wish() -> None:
    """For alphabets with long compounds."""
    assert labels(text_request("first class"), words={1: "ass"}, wholeWords=False) == ["1"]


def test_words_are_found_wherever_text_may_stand() -> None:
    """In parameters, in JSON, in the binary section, and in a raw input; images in between do not matter."""
    words = {1: "bad"}
    assert labels(Payload(body=b'{"parameters": {"a": [{"b": "so bad"}]}}'), words=words) == ["1"]
    tensor = {"name": "x", "datatype": "BYTES", "shape": [1], "parameters": {"title": "bad"}, "data": ["ok"]}
    assert labels(Payload(body=msgspec.json.encode({"inputs": [tensor]})), words=words) == ["1"]
    elements = b"".join(struct.pack("<I", len(e)) + e for e in (b"\xff\xd8\xff", b"so bad"))
    size = {"binary_data_size": len(elements)}
    entry = {"name": "x", "datatype": "BYTES", "shape": [2], "parameters": size}
    number = {"name": "n", "datatype": "UINT8", "shape": [1], "data": [1]}
    head = msgspec.json.encode({"inputs": [number, entry]})
    length = (b"Inference-Header-Content-Length", b"%d" % len(head))
    assert labels(Payload(headers=(length,), body=head + elements), words=words) == ["1"]
    raw = Payload(headers=((b"Inference-Header-Content-Length", b"0"),), body=b"so bad")
    assert labels(raw, words=words) == ["1"]


def test_member_names_and_other_fields_are_no_text() -> None:
    """They are the protocol's, not the author's."""
    assert labels(Payload(body=b'{"id": "bad", "parameters": {"bad": 1}}'), words={1: "bad"}) == []


def test_words_come_from_a_file_beside_the_table(tmp_path: Path) -> None:
    """Lists of thousands of words have their own owners."""
    (tmp_path / "words.txt").write_text("\ufeff# insults\n44 very bad\n\n7 加微信\n", "utf-8")
    assert labels(text_request("very BAD"), tmp_path, file="words.txt") == ["44"]
    assert labels(text_request("加微信 x"), tmp_path, file="words.txt", words={1: "x"}) == ["7", "1"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"words": {"*": ["a"]}},
        {"words": {1: [""]}},
        {"words": {1: ["x" * 65]}},
        {"words": {1: [5]}},
        {"file": "none.txt"},
        {"file": "odd.txt"},
        {"file": "latin.txt"},
    ],
    ids=repr,
)
def test_word_lists_that_cannot_work_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    """Found when the table is read."""
    (tmp_path / "odd.txt").write_text("44\n")
    (tmp_path / "latin.txt").write_bytes(b"44 caf\xe9\n")
    with pytest.raises(BadLabeler):
        build("keywords", options, base=tmp_path)


def test_words_across_the_pieces_of_a_long_text_are_found_once_whole() -> None:
    """Long texts are searched in pieces, so that the time budget can end the search."""
    for at in range(PIECE_CHARS - 8, PIECE_CHARS + 4):
        text = "。" * at + "bad word" + "。" * 50
        assert labels(text_request(text), words={1: "bad word"}) == ["1"]
        assert labels(text_request(text.replace("bad", "xbad")), words={1: "bad word"}) == []


@given(
    st.lists(st.sampled_from(["ab", "b", "ba", "商", "微商"]), min_size=1, max_size=3, unique=True),
    st.text(alphabet="ab 微商", max_size=30),
)
def test_the_search_agrees_with_a_plain_one(words: list[str], text: str) -> None:
    """Overlapping words, words within words."""
    found = labels(
        text_request(text), words={str(n): [word] for n, word in enumerate(words)}, wholeWords=False
    )
    assert sorted(found) == [str(n) for n, word in enumerate(words) if word in text]


def test_texts_beyond_the_limit_are_not_read() -> None:
    """A body of many megabytes must not hold the event loop."""
    payload = text_request("x" * (TEXT_CHARS_MAX - 3), "bad bad")
    assert sum(map(len, texts_of(payload))) == TEXT_CHARS_MAX
    assert labels(payload, words={1: "bad"}) == ["1"]
    assert labels(text_request("x " * TEXT_CHARS_MAX, "bad"), words={1: "bad"}) == []


def test_parameters_nested_without_end_are_a_payload_error() -> None:
    """The caller chooses the depth."""
    body = b'{"parameters": ' + b"[" * 100 + b"]" * 100 + b"}"
    with pytest.raises(PayloadError, match="nested"):
        labels(Payload(body=body), words={1: "a"})

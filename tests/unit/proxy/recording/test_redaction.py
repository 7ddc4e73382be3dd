"""Bodies in a recording: what rules take out of them, and which are not kept at all."""

import base64
from typing import Any

import msgspec
import pytest

from labelers.fields import block_of
from proxy.recording.redaction import BINARY, LARGE, UNPARSED, Kept, kept, read_rule

KEY = b"0" * 16
USER = {"parameters": {"user": "li", "label": 7}, "inputs": [{"data": ["secret", "words"]}, {"data": [5]}]}
BODY = msgspec.json.encode(USER)
JSON_FIELD = (b"Inference-Header-Content-Length", str(len(BODY)).encode())


def keep(body: bytes = BODY, *rules: str, block: bytes = b"", **options: Any) -> Kept:
    settings = {"binary": False, "bytes_max": 10_000, "key": KEY, **options}
    return kept(block, body, [read_rule(each) for each in rules], **settings)


def redacted(*rules: str, key: bytes = KEY) -> Any:
    text = keep(BODY, *rules, key=key).text
    assert text is not None
    return msgspec.json.decode(text)


def test_without_a_rule_a_body_is_kept_to_the_byte() -> None:
    """It is sent again as it came."""
    assert keep(b' {"a" :\n1}').text == ' {"a" :\n1}'


def test_a_rule_takes_the_field_out() -> None:
    """And leaves the rest."""
    assert redacted("parameters.user")["parameters"] == {"label": 7}


def test_a_hash_is_the_same_for_the_same_value_in_one_recording_only() -> None:
    """It tells callers apart; with another key it is another, so that nobody can look it up."""
    first, again, other = (redacted("parameters.user=hash", key=key) for key in (KEY, KEY, b"1" * 16))
    assert first == again
    assert first["parameters"]["user"].startswith("hash:")
    assert "li" not in first["parameters"]["user"].removeprefix("hash:")
    assert first["parameters"]["user"] != other["parameters"]["user"]


def test_a_mask_keeps_sizes_and_shape_and_no_word() -> None:
    """A model's work often goes with the length of a text. Names of fields may be words of somebody too."""
    assert redacted("inputs.*.data=mask")["inputs"] == [{"data": ["xxxxxx", "xxxxx"]}, {"data": [0]}]
    assert redacted("parameters=mask")["parameters"] == {"field0": "xx", "field1": 0}


def test_an_item_of_a_list_is_named_by_its_place() -> None:
    """Counted from 0."""
    assert redacted("inputs.1")["inputs"] == [{"data": ["secret", "words"]}]


def test_a_star_alone_takes_everything() -> None:
    """Whatever the body is called."""
    assert redacted("*") == {}


def test_a_path_that_leads_nowhere_changes_nothing() -> None:
    """Not every body has every field."""
    assert redacted("parameters.user.name", "nothing.here") == USER


@pytest.mark.parametrize("body", [b"no json", b'{"a": 1', b"\xff\xfe", b"[" * 100_000, b""])
def test_with_a_rule_what_cannot_be_parsed_is_not_kept(body: bytes) -> None:
    """Nobody can say that what the rule names is not in it."""
    assert keep(body, "parameters.user", bytes_max=1_000_000) == Kept(withheld=UNPARSED)


def test_a_field_given_twice_leaves_no_first_value_behind() -> None:
    """A reader of JSON sees the last one; the first one must not stay in the text."""
    assert keep(b'{"user": "li", "user": "wang"}', "user").text == "{}"


def test_a_binary_section_is_kept_on_request_only() -> None:
    """No rule reaches into it."""
    block, body = block_of((JSON_FIELD,)), BODY + b"\x01\x02"
    assert keep(body, block=block) == Kept(withheld=BINARY)
    assert keep(body, "parameters.user", block=block) == Kept(withheld=BINARY)
    found = keep(body, "parameters.user", block=block, binary=True)
    assert found.base64 is not None
    assert found.json_bytes is not None
    content = base64.b64decode(found.base64)
    assert msgspec.json.decode(content[: found.json_bytes])["parameters"] == {"label": 7}
    assert content[found.json_bytes :] == b"\x01\x02"


def test_a_body_that_is_no_text_is_kept_on_request_only() -> None:
    """It is as good as a tensor."""
    assert keep(b"\xff\xfe") == Kept(withheld=BINARY)
    assert keep(b"\xff\xfe", binary=True).base64 == base64.b64encode(b"\xff\xfe").decode()


def test_a_compressed_body_is_redacted_like_any_other() -> None:
    """What a rule names must not come through in a coding."""
    import gzip

    block = block_of(((b"Content-Encoding", b"gzip"),))
    found = keep(gzip.compress(BODY), "parameters.user", block=block)
    assert found.text is not None
    assert msgspec.json.decode(found.text)["parameters"] == {"label": 7}
    assert keep(b"damaged", block=block) == Kept(withheld=UNPARSED)


def test_a_body_over_the_limit_is_left_out_also_when_it_was_compressed() -> None:
    """A small body can inflate to a large one."""
    import gzip

    block = block_of(((b"Content-Encoding", b"gzip"),))
    assert keep(b" " * 101, bytes_max=100) == Kept(withheld=LARGE)
    assert keep(gzip.compress(b" " * 5_000), block=block, bytes_max=100) == Kept(withheld=LARGE)


@pytest.mark.parametrize("text", ["", "a..b", "a=", "a=gone", "=hash", ".a", ".".join("a" * 17)])
def test_a_rule_that_makes_no_sense_is_refused(text: str) -> None:
    """A rule that silently took nothing out would be worse than none."""
    with pytest.raises(ValueError, match="a rule is"):
        read_rule(text)

"""Text bytes to strings, bounded, with errors for the caller in words."""

from workers.errors import BadInput

CHARACTERS_MAX = 10_000
TEXTS_MAX = 64


def decode_texts(raws: list[bytes], characters_max: int, texts_max: int) -> list[str]:
    """All of a request's texts. Raises BadInput if one is not UTF-8 or too long, or there are too many."""
    if not 0 < len(raws) <= texts_max:
        raise BadInput(f"a request holds 1 to {texts_max} texts, not {len(raws)}")
    texts: list[str] = []
    for number, raw in enumerate(raws):
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise BadInput(f"text {number} is not UTF-8") from error
        if len(text) > characters_max:
            raise BadInput(f"text {number} has {len(text)} characters; the limit is {characters_max}")
        texts.append(text)
    return texts

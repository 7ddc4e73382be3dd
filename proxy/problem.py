"""The one form of an error answer: `{"error": "..."}`, as the Open Inference Protocol has it."""

import msgspec

from proxy.messages import Answer

_JSON = ((b"Content-Type", b"application/json"),)


def problem(status: int, message: str, *fields: tuple[bytes, bytes]) -> Answer:
    """An error answer with a message for people, and further header fields."""
    return Answer(status=status, headers=_JSON + fields, body=msgspec.json.encode({"error": message}))

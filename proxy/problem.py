"""The one form of an error answer: `{"error": "..."}`, as the Open Inference Protocol has it."""

import msgspec

from proxy.messages import Answer

_JSON = ((b"Content-Type", b"application/json"),)


def problem(status: int, message: str) -> Answer:
    """An error answer with a message for people."""
    return Answer(status=status, headers=_JSON, body=msgspec.json.encode({"error": message}))

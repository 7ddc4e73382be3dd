"""What comes of a call to a model server: an answer, or a failure. Stored and sent as they are (msgspec)."""

import msgspec

from proxy.verdicts import Outcome

Headers = tuple[tuple[bytes, bytes], ...]
"""Header fields in the order received, names as received, values stripped of outer white space."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole HTTP answer from an application: end-to-end headers only, body as it came."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A call that ended without a whole answer."""

    outcome: Outcome
    cause: str

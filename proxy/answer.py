"""What comes of a call to a model server: an answer, or a failure. Stored and sent as they are (msgspec)."""

import msgspec

from labelers.fields import Headers, headers_of
from proxy.verdicts import Outcome


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole HTTP answer from an application: end-to-end headers only, body as it came."""

    status: int
    headers: Headers = ()
    body: bytes = b""
    block: bytes = b""  # further header fields, undecoded, as a server sent them (`labelers/fields.py`)

    @property
    def fields(self) -> Headers:
        """All header fields."""
        return headers_of(self.block) + self.headers


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A call that ended without a whole answer."""

    outcome: Outcome
    cause: str

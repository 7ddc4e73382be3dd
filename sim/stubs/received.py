"""One request as a stub received it."""

import msgspec


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """Header names in lower case, values as they came; `at_s` is the event loop's time."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at_s: float
    keep_alive: bool

    @property
    def model(self) -> str:
        """The model that the path names; empty where it names none."""
        parts = self.target.split("?")[0].split("/")
        return parts[3] if parts[1:3] == ["v2", "models"] and len(parts) > 3 else ""

"""`ports.Labels` of a world: the request's body is its labels, with commas between. No JSON is read."""

from labelers import Payload


class BodyLabels:
    """Remembers each body that it has seen; a world has few."""

    reads_head = False

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, ...]] = {}

    def label(self, payload: Payload) -> tuple[str, ...]:
        return self.known(payload.body)

    def known(self, body: bytes) -> tuple[str, ...]:
        """The labels that a body stands for."""
        labels = self._known.get(body)
        if labels is None:
            labels = self._known[body] = tuple(body.decode().split(",")) if body else ()
        return labels

    def events(self) -> dict[tuple[str, str], int]:
        return {}

    def sweep(self) -> None:
        """It logs nothing."""

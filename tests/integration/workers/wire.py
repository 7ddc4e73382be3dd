"""A connection that is written to and read from as bytes, and requests as bytes."""

import json
import socket

BODY = b'{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"FP32","data":[%s]}]}'
"""Of a request with one number."""
ROUND_S_MAX = 30


class Wire:
    """A connection."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), ROUND_S_MAX)
        self.held = b""

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, fields in lower case, body."""
        head = self.until(b"\r\n\r\n").decode()
        line, *fields = head.strip().split("\r\n")
        found = {key.lower(): value for key, _, value in (field.partition(": ") for field in fields)}
        status = int(line.split()[1])
        return status, found, self.take(0 if status == 100 else int(found["content-length"]))

    def value(self) -> float:
        """The one number of the next answer."""
        status, _, body = self.answer()
        assert status == 200, body
        return float(json.loads(body)["outputs"][0]["data"][0])

    def closed(self) -> bool:
        """Whether the other side has nothing more to say."""
        return self.held == b"" and self.socket.recv(1) == b""

    def until(self, mark: bytes) -> bytes:
        while mark not in self.held:
            self.more()
        head, _, self.held = self.held.partition(mark)
        return head

    def take(self, count: int) -> bytes:
        while len(self.held) < count:
            self.more()
        taken, self.held = self.held[:count], self.held[count:]
        return taken

    def more(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"closed in the middle of {self.held!r}"
        self.held += data


def request(body: bytes = BODY % b"1", *fields: bytes, path: bytes = b"/v2/models/identity/infer") -> bytes:
    head = [b"POST %b HTTP/1.1" % path, b"Host: h", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join((*head, b"", body))


def get(path: bytes, method: bytes = b"GET") -> bytes:
    return b"%b %b HTTP/1.1\r\nHost: h\r\n\r\n" % (method, path)

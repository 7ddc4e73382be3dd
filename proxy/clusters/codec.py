"""HTTP/1.1 as a client writes it: the bytes of one request to a model server. Pure.

End-to-end header fields pass as they came; the fields that belong to this hop are made anew, and a field
that the table adds (credentials, say) takes the place of the caller's of that name.
"""

import re

from proxy.messages import Request, Target

_NONE: frozenset[bytes] = frozenset()
_MODEL = re.compile(rb"^/v2/models/[^/?]+")


def encode_request(request: Request, target: Target, host: bytes, prefix: bytes, budget_s: float) -> bytes:
    """The whole message. `host` is the Host field, `prefix` the base URL's path, `budget_s` what is left."""
    path = request.target
    if target.model:
        path = _MODEL.sub(b"/v2/models/" + target.model.encode(), path, count=1)
    method, body, added = request.method, request.body, target.headers
    left_ms = str(max(1, int(budget_s * 1000)))
    lines = [
        b"%b %b%b HTTP/1.1\r\nHost: %b\r\nX-Request-Id: %b\r\nPenstock-Deadline-Ms: %b"
        % (method, prefix, path, host, request.id.encode(), left_ms.encode())
    ]
    ours = {name.lower() for name, _ in added} if added else _NONE
    for name, value in request.headers:
        if not ours or name.lower() not in ours:
            lines.append(b"%b: %b" % (name, value))
    for name, value in added:
        lines.append(b"%b: %b" % (name, value))
    if body or method == b"POST":
        lines.append(b"Content-Length: %b" % str(len(body)).encode())
    lines.append(b"")
    lines.append(body)
    return b"\r\n".join(lines)

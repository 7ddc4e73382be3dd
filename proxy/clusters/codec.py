"""HTTP/1.1 as a client writes it: the bytes of one request to a model server. Pure.

End-to-end header fields pass as they came; the fields that belong to this hop are made anew, and a field
that the table adds (credentials, say) takes the place of the caller's of that name.
"""

import re

from labelers.fields import block_of, headers_of
from proxy.heads import write_request_head
from proxy.messages import Request, Target

_MODEL = re.compile(rb"^/v2/models/[^/?]+")


def encode_head(
    request: Request, target: Target, host: bytes, prefix: bytes, budget_s: float, rank: int = -1
) -> bytes:
    """The head, which the body follows as it is.

    `host` is the Host field, `prefix` the base URL's path, `budget_s` what is left, `rank` the
    criticality, 0 the most; -1: unknown.
    """
    path = request.target
    if target.model:
        path = _MODEL.sub(b"/v2/models/" + target.model.encode(), path, count=1)
    block, body = request.block, request.body
    if target.block:
        kept = [field for field in headers_of(block) if field[0].lower() not in target.names]
        block = block_of(tuple(kept)) + target.block
    length = len(body) if body or request.method == b"POST" else -1
    left_ms = max(1, int(budget_s * 1000))
    return write_request_head(request.method, prefix + path, host, request.id, left_ms, rank, block, length)

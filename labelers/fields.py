"""Header fields as they travel: a block of lines `Name: value`, each ended by CRLF; decoded when asked."""

Headers = tuple[tuple[bytes, bytes], ...]
"""Header fields in the order received, names as received, values stripped of outer white space."""


def headers_of(block: bytes) -> Headers:
    """The fields of a block."""
    fields = []
    for line in block.split(b"\r\n"):
        if line:
            name, _, value = line.partition(b":")
            fields.append((name, value.strip(b" \t")))
    return tuple(fields)


def block_of(headers: Headers) -> bytes:
    """The block of some fields."""
    return b"".join([b"%b: %b\r\n" % field for field in headers])

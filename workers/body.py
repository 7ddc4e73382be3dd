"""A request's body as bytes: unpacked if it came compressed, and never above its limit."""

import zlib

from workers.oip.datatypes import BadTensor

BODY_BYTES_MAX = 64 * 1024 * 1024  # also after unpacking
MEMBERS_MAX = 64  # of a gzip body; each costs a copy of what follows it

_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class TooLarge(Exception):
    """The body is over its limit: HTTP 413."""


class UnknownEncoding(Exception):
    """The body is compressed in a way not offered here: HTTP 415."""


def unpack(body: bytes, encoding: str, bytes_max: int = BODY_BYTES_MAX) -> bytes:
    """The body behind a Content-Encoding of gzip, deflate or identity.

    Raises BadTensor if it is broken, TooLarge and UnknownEncoding.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in _WINDOW:
        raise UnknownEncoding(f"Content-Encoding '{encoding}' is not offered; gzip and deflate are")
    plain, rest = b"", body
    for _ in range(MEMBERS_MAX):  # a gzip body may have several, and whoever labelled it read them all
        stream = zlib.decompressobj(_WINDOW[encoding])
        try:
            plain += stream.decompress(rest, bytes_max + 1 - len(plain))
        except zlib.error as error:
            raise BadTensor(f"the body is not {encoding}: {error}") from error
        if len(plain) > bytes_max:
            raise TooLarge(f"the unpacked body is over the limit of {bytes_max} bytes")
        if not stream.eof:
            raise BadTensor(f"the body's {encoding} data end too early")
        rest = stream.unused_data
        if not rest:
            return plain
        if encoding != "gzip":
            raise BadTensor(f"something follows the body's {encoding} data")
    raise BadTensor(f"the body has more than {MEMBERS_MAX} gzip members")

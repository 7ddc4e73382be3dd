"""The edge: bytes in, `Request` out; `Reply` in, bytes out."""

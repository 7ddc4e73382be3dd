"""A fuzzer of both ends of the data path: byte streams in, and what h11 and other cuts make of them.

Knows the proxy by its outer behaviour alone: bytes in through the protocols' call-backs, bytes out
through a transport, and what the pipeline is given. The names that it needs stand in `edge.py` and
`clusters.py`.
"""

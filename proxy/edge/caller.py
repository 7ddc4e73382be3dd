"""Who calls, as far as fairness between callers goes: the address of the connection."""

import asyncio


def caller_of(transport: asyncio.BaseTransport) -> str:
    """The address that it is called from; '' where there is none, as of a local socket."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) and peer else ""

"""Names to addresses, each checked: the connection is made to the very address that was checked.

So a name that answers differently the next time (DNS rebinding) gains nothing.
"""

import socket
from collections.abc import Callable

from aiohttp.abc import AbstractResolver, ResolveResult

from workers.fetch.errors import Forbidden


class Guarded(AbstractResolver):
    """Another resolver's answers, refused wholly if one address of them may not be connected to."""

    def __init__(self, inner: AbstractResolver, why_not: Callable[[str], str]) -> None:
        self._inner = inner
        self._why_not = why_not

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises Forbidden; and OSError for a name that is unknown."""
        found = await self._inner.resolve(host, port, family)
        for each in found:
            reason = self._why_not(each["host"])
            if reason:
                raise Forbidden(f"pictures are not fetched from '{host}': {reason}")
        return found

    async def close(self) -> None:
        await self._inner.close()

"""The TLS of a server: by which certificate new connections are made, and those whose handshake is not done.

A caller that never ends its handshake is dropped like one that never ends its request. What fails is logged
once per burst, by reason: a certificate that callers do not trust shows here and nowhere else.
"""

import ssl
from asyncio import Protocol
from collections.abc import Callable

from proxy.edge.limits import EdgeLimits
from proxy.edge.tls import TlsLayer
from proxy.observe.burst import Burst
from proxy.ports import Clock, Log


class Handshakes:
    """`len` is how many are not done."""

    def __init__(self, context: ssl.SSLContext, *, limits: EdgeLimits, clock: Clock, log: Log) -> None:
        self._context = context
        self._limits = limits
        self._clock = clock
        self._undone: set[TlsLayer] = set()
        self._burst = Burst("handshake_failed", clock=clock, log=log)

    def __len__(self) -> int:
        return len(self._undone)

    def renew(self, context: ssl.SSLContext) -> None:
        """Connections that are made from now on get this one; open ones keep theirs."""
        self._context = context

    def layer(self, above: Protocol, room: Callable[[], bool]) -> TlsLayer:
        """TLS for a connection that is being made. `room` is asked whether it may be."""

        def admitted(layer: TlsLayer) -> bool:
            free = room()
            if free:
                self._undone.add(layer)
            return free

        return TlsLayer(
            self._context,
            above,
            admitted=admitted,
            shaken=self._undone.discard,
            failed=self._failed,
            began_s=self._clock.now(),
        )

    def sweep(self, now: float) -> None:
        """Drop those who take too long."""
        for layer in [each for each in self._undone if each.overdue(now, self._limits.handshake_s_max)]:
            layer.time_out()
        self._burst.flush()

    def abort(self) -> None:
        """Drop all."""
        for layer in list(self._undone):
            layer.abort()

    def _failed(self, reason: str) -> None:
        self._burst.tell((reason,), reason=reason)

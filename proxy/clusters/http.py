"""clusterType `http`: model servers that speak the Open Inference Protocol over HTTP/1.1.

Also clusterType `hsf`. HSF's own wire format has no open implementation; such clusters are reached
through their HTTP gateway, by the same call, which is told the time left in Dubbo Triple's field too.
"""

import asyncio
from collections.abc import Iterable

from proxy.batch import Batch
from proxy.clusters.codec import encode_head
from proxy.clusters.connection import Done
from proxy.clusters.limits import ClientLimits
from proxy.clusters.pool import Pool, PooledCall
from proxy.messages import Request, Target
from proxy.ports import Clock


class HttpCluster:
    """`ports.Cluster` over pools of kept-alive connections, one pool per endpoint."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        limits: ClientLimits,
        gateway: bool = False,
        batch: Batch | None = None,
    ) -> None:
        self._batch = batch
        self._loop = loop
        self._clock = clock
        self._limits = limits
        self._gateway = gateway
        self._pools: dict[str, Pool] = {}
        self._named: frozenset[str] | None = None  # endpoints of the table in service; None: not told yet

    def call(
        self, target: Target, request: Request, budget_s: float, done: Done, rank: int = -1
    ) -> PooledCall:
        """See `ports.Cluster.call`."""
        pool = self._pools.get(target.url) or self._pool(target.url)
        if self._gateway:
            timeout = (b"tri-service-timeout", b"%d" % max(1, int(budget_s * 1000)))
            target = Target(url=target.url, model=target.model, headers=(*target.headers, timeout))
        head = encode_head(request, target, pool.host_field, pool.prefix, budget_s, rank)
        return pool.call(head, request.body, done)

    def retain(self, urls: Iterable[str]) -> None:
        """A new table names these endpoints: pools of others close as soon as they carry no call."""
        self._named = frozenset(urls)
        self._let_go()

    def sweep(self) -> None:
        """Close connections that have been idle too long, and pools that no table names any more."""
        for pool in self._pools.values():
            pool.sweep()
        self._let_go()

    def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def _let_go(self) -> None:
        for url, pool in list(self._pools.items()):
            if self._named is not None and url not in self._named and not pool.busy:
                pool.close()
                del self._pools[url]

    def _pool(self, url: str) -> Pool:
        pool = Pool(url, loop=self._loop, clock=self._clock, limits=self._limits, batch=self._batch)
        self._pools[url] = pool
        return pool

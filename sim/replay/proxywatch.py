"""Reads the proxy's /metrics while the load runs: tiers that answered, the queue, calls in flight."""

import asyncio
import time
from collections import defaultdict

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

READ_S_MAX = 2.0
REQUESTS, DEPTH, INFLIGHT = "penstock_requests", "penstock_queue_depth", "penstock_inflight"


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One reading; counts since the proxy began, by tier and outcome. `busy`: of slots, where it is known."""

    at_s: float
    requests: dict[str, float]
    depth: dict[str, float]
    inflight: dict[str, float]
    busy: dict[str, float] = {}


class ProxyWatch:
    """The readings so far; what could not be read is counted."""

    def __init__(self, url: str, every_s: float) -> None:
        self._url = url
        self._every_s = every_s
        self.samples: list[Sample] = []
        self.missed = 0

    async def run(self, began_s: float) -> None:
        """From a moment before the start until it is cancelled."""
        async with httpx.AsyncClient(timeout=READ_S_MAX, trust_env=False) as client:
            while True:
                at_s = time.monotonic() - began_s
                try:
                    answer = await client.get(self._url)
                    answer.raise_for_status()
                    self.samples.append(read_page(answer.text, at_s))
                except (httpx.HTTPError, ValueError):
                    self.missed += 1
                await asyncio.sleep(self._every_s)


def read_page(text: str, at_s: float) -> Sample:
    """What a metrics page says. Raises ValueError where it is none."""
    requests: defaultdict[str, float] = defaultdict(float)
    depth: defaultdict[str, float] = defaultdict(float)
    inflight: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if sample.name == f"{REQUESTS}_total":
                requests[tier_name(labels.get("tier", ""), labels.get("outcome", ""))] += sample.value
            elif family.name == DEPTH:
                depth[labels.get("status", "")] += sample.value
            elif family.name == INFLIGHT:
                inflight[labels.get("application", "")] += sample.value
    return Sample(at_s=at_s, requests=dict(requests), depth=dict(depth), inflight=dict(inflight))


def tier_name(tier: str, outcome: str) -> str:
    """How the report names who answered: a tier, or what became of a request that none answered."""
    return f"tier {tier}" if tier else outcome

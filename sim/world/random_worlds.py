"""Random worlds: a plan from a seed. Small ones, 50 to 300 requests, in which limits bind and faults happen.

Thousands of small worlds see more than one large one: a bug needs two or three things at once, not many.
"""

import random

from proxy.messages import Fallback
from sim.world.chance import Chance
from sim.world.noise import Shape
from sim.world.plan import (
    DrainPlan,
    Fault,
    FaultKind,
    Phase,
    QueuePlan,
    ReloadPlan,
    ServerPlan,
    Service,
    Spacing,
    Stream,
    WorldPlan,
)
from sim.world.random_tables import INVALID, LABELS, Draft, changed, draft, hedge

REQUESTS_LEAST, REQUESTS_MOST = 50, 300
REST_S = 60.0
LONG_S = 45.0
"""A disk that is away for longer than a lease: tickets are claimed again."""

HEDGED = 0.05
"""So many worlds have a first class whose calls are many enough to be hedged: one in a hundred may be."""

HEDGED_SPAN_S, HEDGED_PER_S = 4.0, 150.0

ALL_KINDS = tuple(FaultKind)
UNASKED = tuple(kind for kind in FaultKind if kind is not FaultKind.UNREADY)
"""What befalls a server that nobody asks whether it is well."""

MOSTLY = 0.9
"""So many callers want what the first table has rows for."""


def random_world(seed: int) -> WorldPlan:
    """The plan that this seed stands for."""
    rng = Chance(seed).of("plan")
    table = draft(rng)
    span_s = rng.choice((0.5, 1.0, 2.0, 4.0))
    is_hedged = rng.random() < HEDGED
    if is_hedged:
        span_s = HEDGED_SPAN_S
        hedge(table)
    return WorldPlan(
        table=table.text(),
        servers=_servers(rng, table, span_s),
        streams=_streams(rng, table, span_s) + ((_eager(span_s),) if is_hedged else ()),
        reloads=_reloads(rng, table, span_s),
        drains=_drains(rng, table, span_s),
        queue=_queue(rng, span_s),
        drained=rng.random() < 0.8,
        rest_s=REST_S,
        waiters_max=rng.choice((None, None, 1, 3)),
    )


def _servers(rng: random.Random, table: Draft, span_s: float) -> tuple[ServerPlan, ...]:
    servers = []
    for name, stated in table.applications.items():
        service = Service(
            base_s=rng.choice((0.001, 0.005, 0.02, 0.08)),
            each_s=rng.choice((0.0, 0.0, 0.001)),
            knee=rng.choice((None, 2, 8)),
            slope=0.5,
            shape=rng.choice(tuple(Shape)),
        )
        works_on, slots = rng.random() < 0.2, rng.choice((1, 2, 4, 16))
        for url in stated["endpoints"]:
            kinds = ALL_KINDS if "health" in stated else UNASKED
            faults = [_fault(rng, kinds, span_s) for _ in range(rng.choice((0, 0, 0, 1, 1, 2)))]
            servers.append(
                ServerPlan(
                    url=url,
                    application=name,
                    service=service,
                    slots=slots,
                    latency_s=rng.choice((0.0, 0.0002, 0.002)),
                    works_on=works_on,
                    faults=tuple(faults),
                )
            )
    return tuple(servers)


def _fault(rng: random.Random, kinds: tuple[FaultKind, ...], span_s: float) -> Fault:
    kind = rng.choice(kinds)
    from_s = rng.choice((0.0, rng.random() * span_s))
    return Fault(
        kind=kind,
        from_s=from_s,
        until_s=from_s + rng.random() * span_s,
        share=rng.choice((1.0, 1.0, 0.5, 0.1)),
        factor=rng.choice((2.0, 5.0, 20.0)),
        status=rng.choice((429, 450, 503))
        if kind is FaultKind.THROTTLING
        else rng.choice((500, 502, 401, 403)),
        retry_after_s=rng.choice((None, 0, 1, 2)),
    )


def _eager(span_s: float) -> Stream:
    """Many requests of the first class, and nothing that keeps them."""
    phase = Phase(from_s=0.0, until_s=span_s, rate=HEDGED_PER_S)
    return Stream(caller="eager", labels=(LABELS[0],), phases=(phase,))


def _streams(rng: random.Random, table: Draft, span_s: float) -> tuple[Stream, ...]:
    requests = rng.randint(REQUESTS_LEAST, REQUESTS_MOST)
    routed = sorted({label for route in table.routes for label in route["label"]} & set(LABELS))
    count = rng.randint(1, 4)
    streams = []
    for number in range(count):
        known = routed if rng.random() < MOSTLY else LABELS
        labels = tuple(sorted(rng.sample(known, min(len(known), rng.choice((1, 1, 1, 2))))))
        streams.append(
            Stream(
                caller=f"caller-{number}",
                labels=labels,
                phases=_phases(rng, span_s, requests / count),
                fallback=rng.choice((Fallback.QUEUE, Fallback.NONE, Fallback.NONE, Fallback.AT_ONCE)),
                deadline_s=rng.choice((None, None, 0.02, 0.2)),
                patience_s=rng.choice((None, None, None, 0.05)),
                retries_max=rng.choice((0, 0, 0, 2)),
            )
        )
    return tuple(streams)


def _phases(rng: random.Random, span_s: float, requests: float) -> tuple[Phase, ...]:
    """All at once, or a steady part and a burst or step behind it."""
    spacing = rng.choice((Spacing.POISSON, Spacing.POISSON, Spacing.EVEN, Spacing.BURST))
    if spacing is Spacing.BURST:
        return (Phase(from_s=rng.random() * span_s, until_s=span_s, rate=int(requests), spacing=spacing),)
    half_s = span_s / 2
    step = rng.choice((1.0, 1.0, 4.0))
    rate = requests / (half_s * (1.0 + step))
    return (
        Phase(from_s=0.0, until_s=half_s, rate=rate, spacing=spacing),
        Phase(from_s=half_s, until_s=span_s, rate=rate * step, spacing=spacing),
    )


def _reloads(rng: random.Random, table: Draft, span_s: float) -> tuple[ReloadPlan, ...]:
    reloads, current = [], table
    for at_s in sorted(rng.random() * span_s for _ in range(rng.choice((0, 0, 1, 3, 8)))):
        if rng.random() < 0.25:
            reloads.append(ReloadPlan(at_s=at_s, table=rng.choice(INVALID)))
            continue
        current = changed(rng, current, table)
        reloads.append(ReloadPlan(at_s=at_s, table=current.text()))
    return tuple(reloads)


def _drains(rng: random.Random, table: Draft, span_s: float) -> tuple[DrainPlan, ...]:
    if rng.random() < 0.8:
        return ()
    from_s = rng.random() * span_s
    until_s = from_s + rng.random() * span_s
    name = rng.choice(sorted(table.applications))
    return (DrainPlan(application=name, from_s=from_s, until_s=until_s),)


def _queue(rng: random.Random, span_s: float) -> QueuePlan:
    broken: tuple[tuple[float, float], ...] = ()
    if rng.random() < 0.2:
        from_s = rng.random() * span_s
        broken = ((from_s, from_s + rng.random() * rng.choice((span_s, span_s, LONG_S))),)
    return QueuePlan(
        commit_s=rng.choice((0.0, 0.001, 0.02)),
        broken=broken,
        tickets_max=rng.choice((1_000_000, 1_000_000, 10)),
    )

"""The ground of the scenarios: a GPU pool with a CPU pool behind it, classes A, B and C, and who calls them.

The GPU pool serves 200 a second (8 slots of 40 ms), the CPU pool 50 (5 of 100 ms): small, so that minutes of
a load ten times too high take seconds. Where waiting for a free slot is what is measured, both are `LARGER`
times so large: a few slots have queues at 0.8 of their capacity whoever hands them out.
"""

from proxy.messages import Fallback
from sim.world.noise import Shape
from sim.world.plan import Fault, Phase, ServerPlan, Service, Spacing, Stream

GPU_PER_S, CPU_PER_S = 200.0, 50.0
CAPACITY_PER_S = GPU_PER_S + CPU_PER_S
GPU, CPU = "gpu", "cpu"
GPU_URLS = ("http://gpu-0:80", "http://gpu-1:80")
CPU_URL = "http://cpu-0:80"

TABLE = """
version: 1
classes:
  - {name: A, label: [a], deadline: 500}
  - {name: B, label: [b], deadline: 1000}
  - {name: C, label: [c], deadline: 2000}
applications:
  gpu: {endpoints: ["http://gpu-0:80", "http://gpu-1:80"], concurrency: 8, breaker: {slow: 100}}
  cpu: {endpoints: ["http://cpu-0:80"], concurrency: 5}
routes:
  - {application: gpu, timeout: 400, weight: 1, priority: 0, clusterType: http, label: [a, b, c]}
  - {application: cpu, timeout: 400, weight: 1, priority: 1, clusterType: http, label: [a, b, c]}
"""

LARGER = 8
LARGE_TABLE = TABLE.replace("concurrency: 8", "concurrency: 64").replace("concurrency: 5", "concurrency: 40")

MIX = {"a": 0.05, "b": 0.25, "c": 0.70}
"""Classes A, B and C of an ordinary load."""


def servers(
    *gpu_faults: Fault, works_on: bool = False, times: int = 1, sigma: float = 0.0, slack: float = 1.0
) -> tuple[ServerPlan, ...]:
    """Both pools; past its capacity a server slows down, as its memory thrashes.

    `sigma` spreads the service times (lognormal); 0: they are constant. `slack`: a server slows down only
    beyond so many times its share of what is declared: how evenly endpoints are chosen is then no matter.
    """
    shape = Shape.LOGNORMAL if sigma else Shape.CONSTANT
    gpu = Service(base_s=0.04, knee=round(4 * times * slack), slope=0.5 / times, shape=shape, sigma=sigma)
    pools = [
        ServerPlan(
            url=url, application=GPU, service=gpu, slots=64 * times, faults=gpu_faults, works_on=works_on
        )
        for url in GPU_URLS
    ]
    cpu = Service(base_s=0.1, knee=round(5 * times * slack), slope=0.5 / times, shape=shape, sigma=sigma)
    return (*pools, ServerPlan(url=CPU_URL, application=CPU, service=cpu, slots=64 * times))


def load(
    *phases: Phase,
    mix: dict[str, float] | None = None,
    retries_max: int = 0,
    fallback: Fallback = Fallback.NONE,
) -> tuple[Stream, ...]:
    """Phases of a total rate, shared by the classes."""
    return tuple(
        Stream(
            caller=f"class {label}",
            labels=(label,),
            phases=tuple(_share(phase, share) for phase in phases),
            fallback=fallback,
            retries_max=retries_max,
        )
        for label, share in (mix or MIX).items()
    )


def for_s(from_s: float, until_s: float, rate: float, spacing: Spacing = Spacing.POISSON) -> Phase:
    """A phase."""
    return Phase(from_s=from_s, until_s=until_s, rate=rate, spacing=spacing)


def _share(phase: Phase, share: float) -> Phase:
    return for_s(phase.from_s, phase.until_s, phase.rate * share, phase.spacing)

"""Why a request was not served by its first choice: told to the caller and counted, for every reason."""

import math
from collections.abc import Callable

import pytest

from proxy.edge.reply import encode_reply
from proxy.messages import Answer
from proxy.observe.page import Page, Readings
from proxy.qos.budget import Budget
from proxy.qos.gate import Bar, Gate
from proxy.qos.line import Waiter
from proxy.routing.table import Table
from tests.stand_ins.tables import parsed
from tests.stand_ins.whole_pipeline import TABLE, PipelineBench

LIMITED = TABLE.replace('"http://one:1"', '"http://one:1", concurrency: 1, rate: 1')


def breaker(gate: Gate, now: float) -> None:
    for _ in range(10):
        gate.breaker.settle(blamed=True, probe=False, now=now)


def rate(gate: Gate, now: float) -> None:
    gate.permits.take(now)
    gate.permits.give_back()


def line(gate: Gate, _: float) -> None:
    gate.line.join(
        Waiter(
            rank=0,
            deadline=math.inf,
            since_s=0.0,
            request_id="other",
            wake=lambda application, now: False,
            evict=lambda application: None,
        )
    )


def drained(gate: Gate, _: float) -> None:
    gate.drained = True


def held(gate: Gate, now: float) -> None:
    gate.endpoints[0].held_until_s = now + 1


def health(gate: Gate, _: float) -> None:
    gate.endpoints[0].health.down = True


CAUSES: dict[Bar, Callable[[Gate, float], object]] = {
    Bar.DRAINED: drained,
    Bar.BREAKER: breaker,
    Bar.CONCURRENCY: lambda gate, now: gate.permits.take(now),
    Bar.RATE: rate,
    Bar.LINE: line,
    Bar.HELD: held,
    Bar.HEALTH: health,
}
"""Of the reasons that lie in an application's gate."""


class Bench(PipelineBench):
    """The pipeline's bench over a table with limits."""

    def serve(self, table: Table) -> None:
        self.pipeline.swap(self.builder.build(table, self.labeling, None))  # type: ignore[arg-type]

    async def told(self) -> tuple[str, str]:
        """The reply's head, and the metrics page."""
        head = encode_reply(await self.reply(), "r-1", 0.0, keep_alive=True, head_only=True).decode()
        readings = Readings(
            applications={},
            generation=1,
            reloads={},
            last_reload_ok=True,
            queue_depth={},
            queue_bytes=0,
            labelers={},
            processes={},
            restarts=0,
        )
        return head, Page(self.meters, readings).render().decode()


def expect(told: tuple[str, str], application: str, bar: Bar) -> None:
    head, page = told
    assert f"{application};reason={bar}" in head
    assert f'penstock_passed_over_total{{application="{application}",reason="{bar}"}} 1.0' in page


@pytest.mark.parametrize("bar", CAUSES)
async def test_what_bars_the_first_choice_is_told_and_counted(bar: Bar) -> None:
    """An operator sees the reason without asking each caller."""
    bench = Bench()
    bench.serve(parsed(LIMITED if bar in (Bar.CONCURRENCY, Bar.RATE) else TABLE))
    CAUSES[bar](bench.pipeline.snapshot.gates["1"], bench.clock.time_s)
    bench.take()
    bench.cluster.last.end(Answer(status=200))
    expect(await bench.told(), "1", bar)


async def test_a_row_of_weight_0_is_told_and_counted() -> None:
    """It shows in the table, and must show here too."""
    bench = Bench()
    bench.serve(parsed(TABLE.replace("weight: 1, priority: 0", "weight: 0, priority: 0")))
    bench.take()
    bench.cluster.last.end(Answer(status=200))
    expect(await bench.told(), "1", Bar.WEIGHT)


async def test_a_deadline_and_a_spent_budget_are_told_and_counted() -> None:
    """Of the tier that was not called for them."""
    late = Bench()
    late.labeling.labels = ("7", "8")
    late.take()
    late.timers.advance(0.05)
    expect(await late.told(), "2", Bar.DEADLINE)
    spent = Bench()
    spent.pipeline.snapshot.ground.budget = Budget(spent.clock.time_s, share=0.0, per_second=0.0, balance=0.0)
    spent.take()
    spent.fail()
    expect(await spent.told(), "2", Bar.BUDGET)


def test_every_reason_that_there_is_has_its_test_here() -> None:
    """A new one that is not counted would be a hole in the operators' page."""
    assert {*CAUSES, Bar.WEIGHT, Bar.DEADLINE, Bar.BUDGET} == set(Bar)

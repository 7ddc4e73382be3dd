"""Admission, deadlines and the health of models; time and execution are passed in."""

from collections.abc import Callable
from concurrent.futures import Future

import pytest

from workers.entry import Entry
from workers.errors import Expired, ModelFailed, NotReady, Overloaded
from workers.oip.tensors import InferRequest
from workers.pool import FAILURES_DOUBTED, Pool, PoolLimits
from workers.ports import Tensors
from workers.threads import Key

REQUEST = InferRequest(inputs=())


class HeldRunner:
    """Holds what is submitted until the test lets it run."""

    def __init__(self) -> None:
        self.held: list[tuple[Future[Tensors], Callable[[], None]]] = []
        self.loaded = True

    def load(self, tell: Callable[[str], None]) -> None:
        tell("loaded")

    def capacity(self, entry: Entry) -> int:
        return 2

    def ready(self, key: Key) -> bool:
        return self.loaded

    def submit(self, key: Key, request: InferRequest, gate: Callable[[], None]) -> Future[Tensors]:
        self.held.append((Future(), gate))
        return self.held[-1][0]

    def end(self, error: Exception | None = None) -> None:
        future, gate = self.held.pop(0)
        try:
            gate()
        except Expired as expired:
            error = expired
        if error is None:
            future.set_result(())
        else:
            future.set_exception(error)

    def stop_loading(self) -> None: ...

    def close(self) -> None: ...


class Clock:
    """Seconds that the test sets."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def entry(name: str = "m", version: str = "1", queued_max: int = 1) -> Entry:
    return Entry(
        name=name,
        version=version,
        kind="tensors",
        backend="python",
        folder=None,  # type: ignore[arg-type]
        sample={"x": [1.0]},
        queued_max=queued_max,
    )


@pytest.fixture
def runner() -> HeldRunner:
    return HeldRunner()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(runner: HeldRunner, clock: Clock) -> Pool:
    return Pool([entry()], PoolLimits(), clock, runner)


def test_one_above_what_runs_and_waits_is_refused_until_one_ends(pool: Pool, runner: HeldRunner) -> None:
    """Two run, one waits, the fourth is too many; an end makes room, a failed one too."""
    for _ in range(3):
        pool.infer(entry(), REQUEST, None)
    with pytest.raises(Overloaded):
        pool.infer(entry(), REQUEST, None)
    runner.end(ModelFailed("x"))
    pool.infer(entry(), REQUEST, None)
    with pytest.raises(Overloaded):
        pool.infer(entry(), REQUEST, None)


def test_a_caller_that_leaves_gives_its_place_back(pool: Pool, runner: HeldRunner) -> None:
    """Places that leak on a disconnect end in a server that refuses everything."""
    futures = [pool.infer(entry(), REQUEST, None) for _ in range(3)]
    assert futures[2].cancel()
    pool.infer(entry(), REQUEST, None)
    assert len(runner.held) == 4


def test_one_models_queue_leaves_another_alone(runner: HeldRunner, clock: Clock) -> None:
    """Each model has its own bound."""
    pool = Pool([entry("a"), entry("b")], PoolLimits(), clock, runner)
    for _ in range(3):
        pool.infer(entry("a"), REQUEST, None)
    pool.infer(entry("b"), REQUEST, None)
    assert len(runner.held) == 4


def test_a_request_past_its_deadline_takes_no_place(pool: Pool, runner: HeldRunner, clock: Clock) -> None:
    """The deadline itself is too late."""
    with pytest.raises(Expired):
        pool.infer(entry(), REQUEST, clock.now_s)
    assert not runner.held
    pool.infer(entry(), REQUEST, clock.now_s + 0.001)
    assert len(runner.held) == 1


def test_work_never_begins_past_the_deadline(pool: Pool, runner: HeldRunner, clock: Clock) -> None:
    """It waited too long in the queue: nobody would read the answer."""
    future = pool.infer(entry(), REQUEST, clock.now_s + 1)
    clock.now_s += 1
    runner.end()
    assert isinstance(future.exception(), Expired)


def test_a_model_that_is_not_loaded_is_not_asked(pool: Pool, runner: HeldRunner) -> None:
    """503 and not a crash; and no place is taken."""
    runner.loaded = False
    with pytest.raises(NotReady):
        pool.infer(entry(), REQUEST, None)
    assert not pool.ready(entry())


def test_failures_in_a_row_put_a_model_in_doubt_until_its_sample_goes_through(
    pool: Pool, runner: HeldRunner
) -> None:
    """A dead device behind a living server must not look healthy."""
    for _ in range(FAILURES_DOUBTED):
        assert pool.ready(entry())
        pool.infer(entry(), REQUEST, None)
        runner.end(ModelFailed("out of memory"))
    assert not pool.ready(entry())
    pool.prove(entry())
    runner.end()
    assert pool.ready(entry())


@pytest.mark.parametrize("end", [None, Expired("late")])
def test_a_callers_fault_says_nothing_about_the_model(
    pool: Pool, runner: HeldRunner, end: Exception | None
) -> None:
    """A success clears the count; what expired neither adds nor clears."""
    for error in (ModelFailed("x"), ModelFailed("x"), end):
        pool.infer(entry(), REQUEST, None)
        runner.end(error)
    assert pool.ready(entry())
    pool.infer(entry(), REQUEST, None)
    runner.end(ModelFailed("x"))
    assert pool.ready(entry()) == (end is None)


def test_without_a_version_the_highest_answers(runner: HeldRunner, clock: Clock) -> None:
    """10 is above 9, and numbers are above words."""
    entries = [entry(version=version) for version in ("9", "10", "beta", "1")]
    pool = Pool(entries, PoolLimits(), clock, runner)
    found = pool.find("m")
    assert found is not None
    assert found.version == "10"
    assert pool.versions("m") == ["beta", "1", "9", "10"]
    assert pool.find("m", "2") is None
    assert pool.find("z") is None

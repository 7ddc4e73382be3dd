"""A cluster whose calls end when the test says so."""

from collections.abc import Callable

from proxy.messages import Answer, Failure, Request, Target

Done = Callable[[Answer | Failure], None]


class ManualCall:
    """`ports.Call`: one call, and the way to end it."""

    def __init__(self, target: Target, request: Request, budget_s: float, done: Done) -> None:
        self.target = target
        self.request = request
        self.budget_s = budget_s
        self.cancelled = False
        self.ended = False
        self.abandoned = False
        self._done = done

    def end(self, result: Answer | Failure) -> None:
        assert not self.cancelled, "a cancelled call must not end"
        assert not self.ended, "a call ends once"
        self.ended = True
        self._done(result)

    def abandon(self, ended: Callable[[bool], None]) -> None:
        assert not self.ended, "a call that has ended cannot be abandoned"
        self.abandoned = True
        self._done = lambda result: ended(isinstance(result, Answer))

    def cancel(self) -> None:
        assert not self.ended, "a call that has ended must not be cancelled"
        self.cancelled = True


class ManualCluster:
    """`ports.Cluster`: records every call; one that `breaks` has a bug."""

    def __init__(self) -> None:
        self.calls: list[ManualCall] = []
        self.ranks: list[int] = []
        self.breaks = False

    def call(
        self, target: Target, request: Request, budget_s: float, done: Done, rank: int = -1
    ) -> ManualCall:
        if self.breaks:
            raise ZeroDivisionError
        self.ranks.append(rank)
        call = ManualCall(target, request, budget_s, done)
        self.calls.append(call)
        return call

    @property
    def last(self) -> ManualCall:
        return self.calls[-1]

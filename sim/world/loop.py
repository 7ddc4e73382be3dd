"""An event loop whose time jumps to the next timer: no selector, no sockets, no threads, no waiting.

What asyncio's tasks, futures, events and `asyncio.wait` ask of a loop, and `at`, a timer that cannot be
cancelled and costs a heap entry. The order is asyncio's: what is ready first in, first out; timers by time,
then by age; a timer made in a turn fires in the next one at the earliest. A call-back that raises ends the
run: in a simulation it is a bug. Hot path: a heap entry and a call per event.
"""

import asyncio
import contextvars
from asyncio import _set_running_loop
from collections import deque
from collections.abc import Callable, Coroutine
from heapq import heappop, heappush
from typing import Any, TypeVar, cast

T = TypeVar("T")

STARTS_S = 1_000.0
"""Where the clock of every world begins: not at 0, which a fresh state might be taken for."""

Entry = tuple[float, int, Callable[[Any], object], Any]
"""When, the how-manyeth, what to call, and with what."""


class NothingLeft(AssertionError):
    """What is waited for can never happen: nothing is ready and no timer is set."""


class Handle:
    """A call-back that can be cancelled: `asyncio.Handle` and `asyncio.TimerHandle` in one."""

    __slots__ = ("_act", "_args", "_context", "_when")

    def __init__(
        self,
        act: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
        when: float = 0.0,
    ) -> None:
        self._act: Callable[..., object] | None = act
        self._args = args
        self._context = context
        self._when = when

    def cancel(self) -> None:
        """Forget it, and all that it holds."""
        self._act = None
        self._args = ()

    def cancelled(self) -> bool:
        """Whether it was, or has run."""
        return self._act is None

    def when(self) -> float:
        """The time it is for, in the loop's seconds."""
        return self._when

    def run(self) -> None:
        """Call it, once."""
        act, args = self._act, self._args
        if act is None:
            return
        self.cancel()
        if self._context is None:
            act(*args)
        else:
            self._context.run(act, *args)


class WorldLoop:
    """`asyncio.AbstractEventLoop`, as far as code without sockets and threads can tell.

    `rested` is called when all that happens at an instant has happened, just before time moves on.
    """

    def __init__(self, starts_s: float = STARTS_S) -> None:
        self.now_s = starts_s
        self.rested: Callable[[], None] | None = None
        self._ready: deque[Handle] = deque()
        self._heap: list[Entry] = []
        self._count = 0
        self._tasks: list[asyncio.Task[Any]] = []

    def time(self) -> float:
        return self.now_s

    def at(self, when: float, act: Callable[[Any], object], what: Any) -> None:
        """Call `act(what)` at `when`, or in the next turn if that is past. It cannot be cancelled."""
        self._count = count = self._count + 1
        heappush(self._heap, (when, count, act, what))

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Handle:
        handle = Handle(callback, args, context, self.now_s)
        self._ready.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        handle = Handle(callback, args, context, when)
        self.at(when, Handle.run, handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> Handle:
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self._self())

    def create_task(
        self,
        coro: Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=self._self(), name=name, context=context)
        self._tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio would only log: here it ends the run."""
        raise AssertionError(context.get("message"), context.get("exception"))

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def run_until_complete(self, main: Coroutine[Any, Any, T]) -> T:
        """Run until `main` has ended; its result. Raises NothingLeft where it never can."""
        _set_running_loop(self._self())
        try:
            task = self.create_task(main)
            while not task.done():
                if self._ready:
                    self._turn()
                else:
                    self._jump()
            return task.result()
        finally:
            self._end_tasks()
            _set_running_loop(None)

    def _end_tasks(self) -> None:
        """No task outlives its world."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        while self._ready:
            self._ready.popleft().run()

    def _turn(self) -> None:
        """All that is ready now, and the timers due with it."""
        ready, heap, last = self._ready, self._heap, self._count
        for _ in range(len(ready)):
            ready.popleft().run()
        while heap and heap[0][0] <= self.now_s and heap[0][1] <= last:
            _, _, act, what = heappop(heap)
            act(what)

    def _jump(self) -> None:
        """With nothing ready: from instant to instant, until something is. Hot: the timers fire from here."""
        ready, heap, pop = self._ready, self._heap, heappop
        while not ready:
            if not heap:
                raise NothingLeft(f"nothing will ever happen again after {self.now_s:.6f} s")
            now = heap[0][0]
            if now > self.now_s:
                if self.rested is not None:
                    self.rested()
                    if ready:  # who looked wanted something
                        return
                self.now_s = now
            last = self._count
            while heap and heap[0][0] <= now and heap[0][1] <= last:
                _, _, act, what = pop(heap)
                act(what)

    def _self(self) -> asyncio.AbstractEventLoop:
        return cast("asyncio.AbstractEventLoop", self)

"""The keeper of one child: starts it, speaks with it, and starts it again when it has ended unasked.

Decides when a child has died and how long to wait before the next. Never decides what children are told.
"""

import asyncio
import os
import socket
import sys
from typing import Protocol

import msgspec

from proxy.admin.census import SERVING, SILENT, STARTING
from proxy.errors import ProcessFailed
from proxy.family.channel import Channel
from proxy.family.messages import (
    Ask,
    Began,
    Begin,
    Broke,
    Built,
    Counts,
    Ended,
    EndRecording,
    Finish,
    Heeded,
    Hurry,
    NewCertificate,
    NewTable,
    Record,
    Recorded,
    SetDrained,
    Told,
    Up,
)
from proxy.ports import Clock, Log
from proxy.recording.order import Batch

PROGRAM = (sys.executable, "-P", "-m", "proxy.family.child")
"""A child; its last argument is the descriptor of its end of the channel."""


class KeeperLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How long what may take."""

    begun_s_max: float = 60.0  # from a child's start to its first connection
    answer_s_max: float = 1.0  # a child that has not answered by then is left out of a census
    ended_s_max: float = 5.0  # from the end of the channel, or of a drain, to the end of the process
    backoff_s: float = 0.1  # before a child is started again; doubles
    backoff_s_max: float = 5.0
    sound_s: float = 10.0  # a child that lived so long was sound: the backoff begins anew


class Family(Protocol):
    """What a keeper asks of the supervisor."""

    @property
    def memory(self) -> int:
        """The descriptor of the ledger's memory, which children inherit."""
        ...

    def begin(self, column: int) -> Begin:
        """What a child that starts now is to do."""
        ...

    def built(self) -> None:
        """A child has a table in service, or has ended."""
        ...

    def recorded(self, column: int, batch: Batch) -> None:
        """A child hands in lines of a recording."""
        ...

    def ended(self, column: int, counts: Counts | None) -> None:
        """A child's process is gone; `counts` are the last that it told."""
        ...


class Keeper:
    """`start`, then `finish`. `generation` is that of the child's table, 0 while it has none."""

    def __init__(
        self,
        column: int,
        family: Family,
        *,
        clock: Clock,
        log: Log,
        limits: KeeperLimits | None = None,
        program: tuple[str, ...] = PROGRAM,
    ) -> None:
        self._column = column
        self._program = program
        self._family = family
        self._clock = clock
        self._log = log
        self._limits = limits or KeeperLimits()
        self._channel: Channel[Up] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._asked: dict[int, asyncio.Future[Told | None]] = {}
        self._serial = 0
        self._task: asyncio.Task[None] | None = None
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._finishing = asyncio.Event()
        self._begun = False
        self._broke = ""
        self._late: asyncio.TimerHandle | None = None
        self.silent = False
        self.generation = 0
        self.held: tuple[int, ...] = ()
        self.restarts = 0
        self.cut_off = 0
        self.counts: Counts | None = None

    @property
    def alive(self) -> bool:
        """Whether there is a process, whatever it does: until it is gone, its column is its own."""
        return self._process is not None

    @property
    def hears(self) -> bool:
        """Whether a child has been told what it is to do, and hears what is sent from now on."""
        return self._channel is not None

    @property
    def accepting(self) -> bool:
        return self._begun and not self._finishing.is_set()

    @property
    def state(self) -> str:
        """For the metrics."""
        if not self._begun:
            return STARTING
        return SILENT if self.silent else SERVING

    async def start(self) -> None:
        """Start the first child and wait until it accepts. Raises ProcessFailed."""
        self._task = asyncio.create_task(self._keep())
        await self._first

    def send(
        self, message: NewCertificate | NewTable | SetDrained | Ask | Record | EndRecording | Finish | Hurry
    ) -> None:
        """Tell the child, if there is one. One that does not read is ended, and the next one is told all."""
        if self._channel is not None and not self._channel.send(message):
            self._kill("it does not read what it is told")

    async def ask(self, *, states: bool) -> Told | None:
        """What the child tells of itself; None where it does not in time, or is not there."""
        if not self._begun:
            return None
        self._serial += 1
        self.send(Ask(self._serial, states))
        return await self._answer(self._serial)

    async def set_drained(self, application: str, drained: bool) -> None:
        """Tell the child, if there is one, and wait until it has done so; no longer than for any answer."""
        self._serial += 1
        self.send(SetDrained(self._serial, application, drained))
        if self._begun:
            await self._answer(self._serial)

    async def _answer(self, serial: int) -> Told | None:
        future = self._asked[serial] = asyncio.get_running_loop().create_future()
        try:
            return await asyncio.wait_for(future, self._limits.answer_s_max)
        except TimeoutError:
            self.silent = True
            return None
        finally:
            del self._asked[serial]

    def _answered(self, serial: int, told: Told | None) -> None:
        self.silent = False
        future = self._asked.get(serial)
        if future is not None and not future.done():
            future.set_result(told)

    async def finish(self, drain_s: float) -> None:
        """Let the child end its requests and end; kill it where it does not. May be called unstarted."""
        self._finishing.set()
        if self._task is None:
            return
        self.send(Finish(drain_s))
        late = asyncio.get_running_loop().call_later(
            drain_s + self._limits.ended_s_max, self._kill, "it does not end"
        )
        await self._task
        late.cancel()

    async def _keep(self) -> None:
        backoff_s = self._limits.backoff_s
        while True:
            born_s = self._clock.now()
            status = await self._live()
            if self._finishing.is_set():
                self._settle_first("it was told to end")
                return
            if not self._first.done():
                self._settle_first(self._broke or f"its process ended with status {status}")
                return
            if self._clock.now() - born_s >= self._limits.sound_s:
                backoff_s = self._limits.backoff_s
            self.restarts += 1
            self._log.error(
                "process_ended", process=self._column, status=status, why=self._broke, next_in_s=backoff_s
            )
            if await self._paused(backoff_s):
                return
            backoff_s = min(backoff_s * 2, self._limits.backoff_s_max)

    async def _paused(self, delay_s: float) -> bool:
        """Wait; True when all is to end meanwhile."""
        try:
            await asyncio.wait_for(self._finishing.wait(), delay_s)
        except TimeoutError:
            return False
        return True

    def _settle_first(self, why: str) -> None:
        if not self._first.done():
            self._first.set_exception(ProcessFailed(f"process {self._column}: {why}"))

    async def _live(self) -> int | str:
        """One life of a child; its exit status, negative for a signal, or why it could not be started."""
        self._broke = ""
        try:
            channel = await self._spawn()
        except OSError as error:
            return f"not started: {error.strerror or error}"
        self._late = asyncio.get_running_loop().call_later(
            self._limits.begun_s_max, self._kill, "it does not begin"
        )
        while (message := await channel.receive()) is not None:
            self._hear(message)
        self._unlink()
        assert self._process is not None
        status = await self._reap(self._process)
        self._process = None
        await channel.close()
        self._family.ended(self._column, self.counts)
        self.counts = None
        self._family.built()
        return status

    async def _spawn(self) -> Channel[Up]:
        ours, theirs = socket.socketpair()
        try:
            descriptor = theirs.fileno()
            self._process = await asyncio.create_subprocess_exec(
                *self._program,
                str(descriptor),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(descriptor, self._family.memory),
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        channel = await Channel[Up].over(ours, Up)
        # From here on without an await: what happens after this table was read is told to the child too.
        channel.send(self._family.begin(self._column))
        self._channel = channel
        if self._finishing.is_set():
            channel.send(Finish(0.0))
        return channel

    def _hear(self, message: Up) -> None:
        match message:
            case Began(generation):
                self._begun, self.generation, self.held = True, generation, ()
                self._cancel_late()
                if not self._first.done():
                    self._first.set_result(None)
                self._log.info("process_serves", process=self._column, pid=self.pid, generation=generation)
                self._family.built()
            case Built(generation, held):
                self.generation, self.held = generation, held
                self._family.built()
            case Told(serial, counts):
                self.counts = counts
                self._answered(serial, message)
            case Heeded(serial):
                self._answered(serial, None)
            case Recorded(batch):
                self._family.recorded(self._column, batch)
            case Ended(cut_off, counts):
                self.cut_off, self.counts = cut_off, counts
            case Broke(why):
                self._broke = why

    @property
    def pid(self) -> int:
        """Of the child's process; 0 while there is none."""
        return 0 if self._process is None else self._process.pid

    def _unlink(self) -> None:
        self._channel = None
        self._begun = self.silent = False
        self.generation, self.held = 0, ()
        self._cancel_late()
        for future in self._asked.values():
            if not future.done():
                future.set_result(None)

    def _cancel_late(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    async def _reap(self, process: asyncio.subprocess.Process) -> int:
        """Wait for the process; kill it where it outlives its channel."""
        try:
            return await asyncio.wait_for(process.wait(), self._limits.ended_s_max)
        except TimeoutError:
            self._kill("it outlives its channel")
            return await process.wait()

    def _kill(self, why: str) -> None:
        self._broke = self._broke or why
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

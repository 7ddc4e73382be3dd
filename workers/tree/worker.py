"""What stages and predictors have in common: their descriptors, their fronts, and the wait for either.

Each is started as `python -m workers.tree.ROLE CHANNEL`, and ends when it is told to and when its
supervisor has gone, however that ended.
"""

import select
import selectors
import socket
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any

from workers.surroundings import bind_to_parent, settle
from workers.tree.bell import hush
from workers.tree.channel import Channel
from workers.tree.intake import Intake, Job
from workers.tree.ledger import Ledger
from workers.tree.messages import Attach, Begin, Detach, Finish, Known


class Worker:
    """The parts that every worker has. One thread's, but for the bell, which any thread may ring."""

    def __init__(self, channel: Channel, begin: Begin, ledger: int, bell: int) -> None:
        self.channel = channel
        self.begin = begin
        self.bell = bell
        self.ledger = Ledger(ledger, columns=begin.columns, column=begin.column)
        self.intake = Intake(begin.plan, monotonic)
        self.known: dict[int, Known] = {}
        self.ended = False
        self._poll = select.epoll()
        self._poll.register(channel.fileno(), select.EPOLLIN)
        self._poll.register(bell, select.EPOLLIN)

    def wait(self, timeout_s: float | None) -> bool:
        """Until there is something; whether it may be in the channel."""
        heard = False
        for file, _ in self._poll.poll(timeout_s):
            if file == self.bell:
                hush(file)
            else:
                heard = True
        return heard

    def hear(self, other: Callable[[Any], None], lost: Callable[[list[Job]], None]) -> None:
        """Take what the supervisor says; `other` gets what is not common, `lost` the jobs of a dead front."""
        for message, descriptors in self.channel.receive():
            match message:
                case Known(number=number):
                    self.known[number] = message
                case Attach(front, seat):
                    self.intake.attach(front, seat, *descriptors)
                case Detach(front):
                    lost(self.intake.detach(front))
                case Finish():
                    self.ended = True
                case _:
                    other(message)
        self.ended = self.ended or self.channel.gone
        self.channel.flush()


def open_worker() -> Worker:
    """The worker that this process is."""
    bind_to_parent()
    settle()
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    begin, (ledger, bell) = first(channel)
    return Worker(channel, begin, ledger, bell)


def first(channel: Channel) -> tuple[Begin, list[int]]:
    """What a child is told before all else; ends the process if there is nobody to tell it."""
    with selectors.DefaultSelector() as selector:
        selector.register(channel.fileno(), selectors.EVENT_READ)
        selector.select()
    found = channel.receive_one()
    if found is None:
        sys.exit(1)
    message, descriptors = found
    assert isinstance(message, Begin), "a child is told how to begin"
    return message, descriptors

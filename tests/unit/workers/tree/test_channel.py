"""The channel where the system does not take what is sent at once."""

import errno
import os
import socket
from typing import Any

import pytest

from workers.tree.channel import Channel, make_channel


def test_descriptors_that_are_too_many_on_their_way_wait_and_keep_their_order(monkeypatch: Any) -> None:
    """The kernel counts those of all this user's processes; one that begins has not read its own yet."""
    ours, end = make_channel()
    theirs = Channel(end)
    really = socket.send_fds
    refused = [OSError(errno.ETOOMANYREFS, "too many")]

    def send_fds(*given: Any) -> Any:
        if refused:
            raise refused.pop()
        return really(*given)

    monkeypatch.setattr(socket, "send_fds", send_fds)
    ours.send("first", ours.fileno())
    assert (theirs.receive(), ours.gone) == ([], False)
    ours.send("second")
    received = theirs.receive()
    assert [(message, len(descriptors)) for message, descriptors in received] == [("first", 1), ("second", 0)]
    os.close(received[0][1][0])
    refused.append(OSError(errno.EMFILE, "too many files"))
    with pytest.raises(OSError, match="too many files"):
        ours.send("third")
    ours.close()
    theirs.close()

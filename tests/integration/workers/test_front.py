"""A front alone, as its supervisor holds it."""

import os
import select
import socket
import subprocess
import sys
from typing import Any

import pytest

from workers.device import Ground
from workers.front.options import FrontOptions
from workers.regions.limits import RegionLimits
from workers.regions.region import Region, Share, Took
from workers.tree.address import Reservation
from workers.tree.bell import make_bell
from workers.tree.channel import Channel, make_channel
from workers.tree.estate import Plan, make_estate
from workers.tree.ledger import make_ledger
from workers.tree.messages import Began, Begin, Finish, Serving
from workers.tree.pulse import make_pulse

PLAN = Plan(slots=8, heap_bytes=2**16, seats=2)
QUIET_S = 0.3
HEARD_S_MAX = 60


def heard(channel: Channel) -> Any:
    """The next message."""
    assert select.select([channel], [], [], HEARD_S_MAX)[0], "it says nothing"
    message = channel.receive_one()
    assert message is not None
    return message[0]


def test_a_front_accepts_nobody_before_it_was_told_what_there_is() -> None:
    """One that is started again would tell callers that there is no such model, and no such region."""
    reservation = Reservation("127.0.0.1", 0)
    channel, theirs = make_channel()
    files = [make_ledger(2), make_bell(), make_pulse(), make_estate(PLAN), os.memfd_create("object")]
    begin = Begin(
        plan=PLAN,
        columns=2,
        column=0,
        ground=Ground(),
        host=reservation.host,
        port=reservation.address[1],
        options=FrontOptions(regions=RegionLimits()),
    )
    command = [sys.executable, "-m", "workers.tree.front", str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as process:
        try:
            theirs.close()
            channel.send(begin, *files[:4])
            channel.send(Share(5, Region(name="r", key="k", size=8)), files[4])
            assert heard(channel) == Took(5)
            assert not select.select([channel], [], [], QUIET_S)[0]
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(reservation.address)
            channel.send(Serving({}, loaded=False))
            assert heard(channel) == Began()
            socket.create_connection(reservation.address).close()
            channel.send(Finish())
            assert process.wait(HEARD_S_MAX) == 0
        finally:
            process.kill()
    channel.close()
    reservation.release()
    for file in files:
        os.close(file)

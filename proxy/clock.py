"""The live clock. The simulation has its own."""

import time


class LiveClock:
    """`ports.Clock` over the machine's clocks."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
    spent = staticmethod(time.thread_time)  # processor seconds of this thread: the watchdog's measure

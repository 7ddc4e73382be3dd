"""SIGALRM at a labeling, again and again, at no particular moment; prints requests, ok and overran."""

import itertools
import signal
import sys
import threading

from labelers import Payload
from proxy import labeling as labeling_module
from proxy.clock import LiveClock
from proxy.labeling import Labeler, Labeling
from proxy.watchdog import Watchdog
from tests.stand_ins.log import RecordingLog

REQUESTS = 4000


def blow(stop: threading.Event) -> None:
    """Signals until told to stop."""
    main = threading.main_thread().ident
    assert main is not None
    while not stop.is_set():
        signal.pthread_kill(main, signal.SIGALRM)
        stop.wait(0.000_02)


def label_all(watchdog: Watchdog) -> dict[tuple[str, str], int]:
    """Label under the storm; what happened to the labeler."""
    spans = itertools.cycle(range(0, 3000, 7))

    def brief(_: Payload) -> list[int]:
        for _step in range(next(spans)):
            pass
        return [1]

    labeling = Labeling(
        [Labeler(use="brief", call=brief, default=("44",), budget_s=0.000_02)],
        clock=LiveClock(),
        log=RecordingLog(),
        watchdog=watchdog,
    )
    for _ in range(REQUESTS):
        assert labeling.label(Payload()) in (("1",), ("44",))
    return labeling.events()


def main() -> None:
    """Blow, label, and be still again."""
    labeling_module.SUSPENSION_S = 0.0
    sys.setswitchinterval(0.000_01)
    watchdog = Watchdog()
    watchdog.start()
    stop = threading.Event()
    thread = threading.Thread(target=blow, args=(stop,))
    thread.start()
    try:
        counts = label_all(watchdog)
    finally:
        stop.set()
        thread.join()
        watchdog.stop()
    print(REQUESTS, counts["brief", "ok"], counts["brief", "overran"])


if __name__ == "__main__":
    main()

"""From text to table and labelers: what is loaded only to be looked at leaves no trace."""

from pathlib import Path

from labelers import Payload
from proxy.loading import Loaded, Loader
from proxy.watchdog import NoWatchdog
from tests.stand_ins.clock import ManualClock
from tests.stand_ins.log import RecordingLog

TABLE = """
version: 1
labelers: [{use: json-field, path: %s}]
applications: {a: {endpoints: "http://h:1"}}
routes: [{application: a, timeout: 1, weight: 1, priority: 0, clusterType: http, label: "*"}]
"""


class Bench:
    """A loader over a manual clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = RecordingLog()
        self.loader = Loader(environ={}, clock=self.clock, log=self.log, watchdog=NoWatchdog())

    def load(self, path: str = "parameters.label") -> Loaded:
        loaded = self.loader.load(Path("table.yaml"), (TABLE % path).encode())
        assert isinstance(loaded, Loaded)
        return loaded


def test_a_table_that_is_only_validated_adds_nothing_to_the_counts() -> None:
    """Whoever validates tables all day must not fill the metrics page."""
    bench = Bench()
    served = bench.load().labeling
    other = TABLE.replace("json-field, path: %s", "header, name: X-Tier").encode()
    assert isinstance(bench.loader.load(Path("table.yaml"), other), Loaded)
    assert {labeler for labeler, _ in served.events()} == {"json-field"}


def test_the_last_count_of_a_burst_is_written_after_a_reload_too() -> None:
    """The labelers that were replaced are asked no more; what they did must be told all the same."""
    bench = Bench()
    before = bench.load().labeling
    for _ in range(5):
        before.label(Payload(body=b"not JSON"))
    after = bench.load("parameters.other").labeling
    bench.clock.time_s += 10.0
    after.sweep()
    first, summary = bench.log.named("labeler_failed")
    assert ("repeated" in first, summary["repeated"]) == (False, 4)

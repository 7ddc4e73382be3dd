"""What recording costs a request, in nanoseconds of processor time. Medians of rounds.

`python -m sim.bench.recording`. "off" is what the pipeline does while nobody records: two looks at an
attribute; "on" makes the line of a request with one attempt, or three, and hands the lines in now and then;
"body" keeps a body of 250 bytes as it came, "redacted" takes two fields out of it first.
"""

import statistics
import time
from collections.abc import Callable

import msgspec

from proxy.messages import Answer, Attempt, Outcome, Reply, Request, Verdict
from proxy.ports import Recording
from proxy.recording.order import BodyOrder, Order, RecordingLimits
from proxy.recording.recorder import Recorder
from proxy.recording.redaction import read_rule

ROUNDS = 15
REQUESTS = 20_000
TAKEN_EVERY = 1_000

URL = "http://127.0.0.1:9001"
BODY = msgspec.json.encode(
    {"parameters": {"label": "1125", "user": "u" * 32}, "inputs": [{"name": "TEXT", "data": ["t" * 160]}]}
)
FAILED = Attempt(application="1", tier=0, outcome=Outcome.FAILED, elapsed_s=0.01, began_s=1.0, endpoint=URL)
SERVED = Attempt(application="1", tier=0, outcome=Outcome.OK, elapsed_s=0.01, began_s=1.0, endpoint=URL)


def reply(*attempts: Attempt) -> Reply:
    """One that was served in the end."""
    return Reply(
        verdict=Verdict.SERVED,
        answer=Answer(status=200, body=b"{}"),
        labels=("1125",),
        class_name="default",
        application="1",
        tier=0,
        attempts=attempts,
        generation=1,
    )


class Taken:
    """As the pipeline: `recorder` is None while nobody records."""

    def __init__(self, recorder: Recorder | None) -> None:
        self.recorder: Recording | None = recorder
        self._take: Callable[[], object] = (lambda: None) if recorder is None else recorder.take

    def way(self, request: Request, ended: Reply) -> None:
        """What is recorded of one request."""
        if self.recorder is not None:
            self.recorder.arrive(request)
        if self.recorder is not None:
            self.recorder.settle(request, ended, 0.011, 0.1)

    def flush(self) -> None:
        """Hand in what has gathered."""
        self._take()


def nanoseconds(taken: Taken, request: Request, ended: Reply) -> float:
    """Of one request."""
    spans = []
    for _ in range(ROUNDS):
        began_ns = time.thread_time_ns()
        for number in range(REQUESTS):
            taken.way(request, ended)
            if not number % TAKEN_EVERY:
                taken.flush()
        spans.append((time.thread_time_ns() - began_ns) / REQUESTS)
    return statistics.median(spans)


def recorder(*rules: str, bodies: bool = False) -> Recorder:
    """One that records for ever."""
    wanted = None
    if bodies:
        wanted = BodyOrder(
            rules=tuple(read_rule(each) for each in rules), binary=False, bytes_max=65_536, key=b"key"
        )
    order = Order(serial=1, began_s=0.0, until_s=1e9, epoch_s=1.7e9, limits=RecordingLimits(), bodies=wanted)
    return Recorder(order, 0, lambda _: [URL])


def main() -> None:
    """Print the table."""
    request = Request(
        id="0" * 32, method=b"POST", target=b"/", model="m", body=BODY, arrived_s=0.999, deadline_s=0.1
    )
    one, three = reply(SERVED), reply(FAILED, FAILED, SERVED)
    redacting = recorder("parameters.user=hash", "inputs.*.data=mask", bodies=True)
    cases: dict[str, tuple[Taken, Reply]] = {
        "off": (Taken(None), one),
        "on, one attempt": (Taken(recorder()), one),
        "on, three attempts": (Taken(recorder()), three),
        "on, body": (Taken(recorder(bodies=True)), one),
        "on, body redacted": (Taken(redacting), one),
    }
    print(f"{'nanoseconds per request':32}")
    for name, (taken, ended) in cases.items():
        print(f"{name:32}{nanoseconds(taken, request, ended):>8.0f}")


if __name__ == "__main__":
    main()

"""Asks model servers whether they are well, where the table says so, and sets aside those that are not.

`qos/checkup.py` decides; here is the asking, through the clients that calls go through. A check takes no
permit, is no attempt, and says nothing to a breaker. Each process of a proxy asks for itself.
"""

from collections.abc import Mapping
from typing import Final

from proxy.messages import Answer, Failure, Request, Target
from proxy.ports import Call, Clock, Cluster, Log, Rng, Timer, Timers
from proxy.qos.checkup import Checkup
from proxy.qos.endpoint import Endpoint
from proxy.qos.gate import Gate
from proxy.routing.table import Application

CLUSTER_TYPE: Final = "http"
"""By which servers are asked: gateways to other kinds of clusters speak it too."""


class Checkups:
    """The checks of all applications in service. `follow` a table, the next one, and so on; then `stop`."""

    def __init__(
        self, *, clusters: Mapping[str, Cluster], clock: Clock, timers: Timers, rng: Rng, log: Log
    ) -> None:
        self.cluster = clusters[CLUSTER_TYPE]
        self.now = clock.now
        self.timers = timers
        self.rng = rng
        self.log = log
        self._checks: dict[Endpoint, Check] = {}

    def follow(self, gates: Mapping[str, Gate]) -> None:
        """Check the endpoints of these, and no others; what is known of those that stay is kept."""
        former, self._checks = self._checks, {}
        for gate in gates.values():
            if gate.application.health is None:
                continue
            for endpoint in gate.endpoints:
                check = former.pop(endpoint, None)
                if check is None:
                    check = Check(self, gate.application, endpoint)
                    check.begin()
                else:
                    check.adopt(gate.application)
                self._checks[endpoint] = check
        for check in former.values():
            check.stop()

    def stop(self) -> None:
        """Ask nobody any more."""
        self.follow({})


class Check:
    """The checks of one endpoint, one after the other."""

    __slots__ = ("_application", "_began_s", "_call", "_checkup", "_endpoint", "_request", "_timer", "_with")

    def __init__(self, checkups: Checkups, application: Application, endpoint: Endpoint) -> None:
        assert application.health is not None
        self._with = checkups
        self._endpoint = endpoint
        self._checkup = Checkup(application.health)
        self._call: Call | None = None
        self._timer: Timer | None = None
        self._began_s = 0.0
        self.adopt(application)

    def adopt(self, application: Application) -> None:
        """Take over a new table's interval, thresholds and path."""
        limits = application.health
        assert limits is not None
        self._application = application
        self._checkup.limits = limits
        self._request = Request(id=f"health-{application.id}", method=b"GET", target=limits.path.encode())

    def begin(self) -> None:
        """The first check comes soon."""
        self._timer = self._with.timers.after(self._checkup.first_s(self._with.rng.random()), self._ask)

    def stop(self) -> None:
        """No more checks: nothing is known of the endpoint."""
        self._rest()
        self._endpoint.health.down = False

    def _ask(self) -> None:
        checkups, timeout_s = self._with, self._checkup.limits.timeout_s
        self._began_s = checkups.now()
        # Without the model's name: the path is the table's, word for word.
        target = Target(url=self._endpoint.target.url, headers=self._application.headers)
        self._timer = checkups.timers.after(timeout_s, self._timed_out)
        self._call = checkups.cluster.call(target, self._request, timeout_s, self._answered)

    def _answered(self, result: Answer | Failure) -> None:
        self._call = None
        if isinstance(result, Answer):
            self._hear(200 <= result.status < 300, f"status {result.status}")
        else:
            self._hear(good=False, cause=result.cause)

    def _timed_out(self) -> None:
        if self._with.timers.late:  # this process stood still, perhaps, and not the server
            self._again()
        else:
            self._hear(good=False, cause="timeout")

    def _hear(self, good: bool, cause: str) -> None:
        if self._checkup.hear(good):
            down = self._endpoint.health.down = self._checkup.down
            self._with.log.warning(
                "endpoint_down" if down else "endpoint_up",
                application=self._application.id,
                endpoint=self._endpoint.target.url,
                cause=cause,
            )
        self._again()

    def _again(self) -> None:
        self._rest()
        took_s = self._with.now() - self._began_s
        self._timer = self._with.timers.after(
            self._checkup.next_s(took_s, self._with.rng.random()), self._ask
        )

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._call is not None:
            self._call.cancel()
            self._call = None

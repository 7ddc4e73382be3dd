"""`ports.Cluster` of a world: knows which trip a call belongs to, and puts it on its way to its server."""

from collections.abc import Callable, Mapping

from proxy.messages import Answer, Failure, Request, Target
from sim.world.flight import Flight, Inquiry
from sim.world.loop import WorldLoop
from sim.world.server import Server
from sim.world.trip import Trip
from sim.world.watch import Watch


class WorldCluster:
    """All model servers of a world, of whatever clusterType. `trips` are the requests under way."""

    def __init__(
        self, servers: Mapping[str, Server], trips: Mapping[Request, Trip], loop: WorldLoop, watch: Watch
    ) -> None:
        self._servers = servers
        self._trips = trips
        self._loop = loop
        self._watch = watch
        self.calls = 0
        self.inquiries = 0  # by health checks

    def call(
        self,
        target: Target,
        request: Request,
        budget_s: float,
        done: Callable[[Answer | Failure], None],
        rank: int = -1,
    ) -> Flight | Inquiry:
        del rank  # the servers of a world serve in the order of arrival
        server = self._servers[target.url]
        if request not in self._trips:  # nobody's: the proxy itself asks
            assert request.target.endswith(b"/ready"), "a call for a request that is not under way"
            self.inquiries += 1
            inquiry = Inquiry(done)
            server.ask(inquiry)
            return inquiry
        self.calls += 1
        flight = Flight(self.calls, self._trips[request], server, budget_s, self._loop.now_s, done)
        for each in self._watch.called:
            each(flight)
        server.send(flight)
        return flight

"""No proxy at all: what the generator and the upstream can do, and what they cost by themselves."""

from sim.bench.peers.peer import Peer
from sim.bench.peers.upstream import WEIGHTS

DIRECT = Peer(
    name="direct",
    does=f"nothing: the requests go straight to upstream {next(iter(WEIGHTS))}",
    find=lambda: "",
    version=lambda _: "",
    unable={"fall-through": "there is nothing to fall through", "tls": "the upstreams speak plain HTTP"},
)

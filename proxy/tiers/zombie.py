"""A zombie: a call that nobody waits for any more, whose server may still be at work on it.

Its permit stays taken until the server has ended, or the connection is gone: else there would be more calls
at the server than its limit allows. Bounded, so that a black hole does not keep its permits for ever.
"""

from proxy.ports import Call
from proxy.qos.gate import Gate, Pass
from proxy.tiers.ground import Ground

ZOMBIE_S_MAX = 3.0
"""How long a server is waited for that does not answer; then the connection is closed, which most servers
take for the end of the call."""


class Zombie:
    """One call after its caller."""

    __slots__ = ("_began_s", "_call", "_gate", "_ground", "_pass", "_timer")

    def __init__(self, ground: Ground, gate: Gate, taken: Pass, call: Call, began_s: float) -> None:
        self._ground = ground
        self._gate = gate
        self._pass = taken
        self._call = call
        self._began_s = began_s

    def follow(self) -> None:
        """Keep the permit until the call has ended."""
        self._timer = self._ground.timers.after(ZOMBIE_S_MAX, self._expire)
        self._call.abandon(self._ended)

    def _ended(self, answered: bool) -> None:
        self._timer.cancel()
        now = self._ground.now()
        if answered:
            self._gate.learn_late(self._pass, now - self._began_s, now)
        self._gate.release(self._pass, now)

    def _expire(self) -> None:
        self._call.cancel()
        self._gate.release(self._pass, self._ground.now())

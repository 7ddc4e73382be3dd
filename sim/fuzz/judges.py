"""Both ends under test, and the judge of each."""

from sim.fuzz.callers import judge_callers_stream
from sim.fuzz.case import EDGE, Case, Fault
from sim.fuzz.clusters import ClustersUnderTest
from sim.fuzz.edge import EdgeUnderTest
from sim.fuzz.servers import judge_servers_stream
from sim.fuzz.weight import census


class Judges:
    """Judges cases one after the other, and between them what is left of their objects."""

    def __init__(self) -> None:
        self._edge = EdgeUnderTest()
        self._clusters = ClustersUnderTest()
        self._before = census()

    def judge(self, case: Case) -> str:
        """In a word what the case came to. Raises Fault."""
        if case.end == EDGE:
            return judge_callers_stream(case, self._edge)
        return judge_servers_stream(case, self._clusters)

    def complaint(self, case: Case) -> str:
        """What is wrong with it; empty where nothing is."""
        try:
            self.judge(case)
        except Fault as fault:
            return str(fault)
        except Exception as error:  # noqa: BLE001 - whatever comes out of a protocol is what is looked for
            return f"{type(error).__name__}: {error}"
        return ""

    def leak(self) -> str:
        """Which of the proxy's objects are more than there were; empty where none are."""
        grown = census() - self._before
        return f"left of all cases: {dict(grown)}" if grown else ""

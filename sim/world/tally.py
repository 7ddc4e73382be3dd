"""What came of a caller's orders: by class, how many ended how, and the latencies of the served ones."""

from proxy.messages import Verdict


class ClassTally:
    """The orders of one class. `good` were answered rightly within the class's deadline."""

    __slots__ = ("good", "latencies_s", "verdicts")

    def __init__(self) -> None:
        self.good = 0
        self.verdicts: dict[Verdict, int] = {}
        self.latencies_s: list[float] = []

    @property
    def orders(self) -> int:
        """Those that have ended."""
        return sum(self.verdicts.values())

    def latency_s(self, share: float) -> float:
        """The quantile of the answered ones' latencies; 0 where there is none."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Tally:
    """Of one caller, or of all together (`add`). `deadlines_s` are the classes' own."""

    def __init__(self, deadlines_s: dict[str, float | None], deadline_s: float | None = None) -> None:
        self._deadlines_s = deadlines_s
        self._deadline_s = deadline_s  # the caller's own
        self.orders = 0  # begun
        self.classes: dict[str, ClassTally] = {}

    def order_ended(self, elapsed_s: float, class_name: str, verdict: Verdict) -> None:
        """One order has come to its end, `elapsed_s` after it was meant to begin."""
        tally = self.classes.get(class_name)
        if tally is None:
            tally = self.classes[class_name] = ClassTally()
        tally.verdicts[verdict] = tally.verdicts.get(verdict, 0) + 1
        if verdict is Verdict.SERVED:
            tally.latencies_s.append(elapsed_s)
            limits = (self._deadlines_s.get(class_name), self._deadline_s)
            tally.good += all(limit is None or elapsed_s <= limit for limit in limits)

    def add(self, other: "Tally") -> None:
        """Count another's orders in."""
        self.orders += other.orders
        for name, theirs in other.classes.items():
            mine = self.classes.setdefault(name, ClassTally())
            mine.good += theirs.good
            mine.latencies_s += theirs.latencies_s
            for verdict, count in theirs.verdicts.items():
                mine.verdicts[verdict] = mine.verdicts.get(verdict, 0) + count

"""What happened to each request of one process, as flat arrays: judged after the run, not during it."""

from array import array

from sim.load.schedule import Schedule


class Record:
    """Times in seconds from the start; `sent_s` and `ended_s` are below 0 where it never came to that."""

    __slots__ = ("ended_s", "ends", "held", "kinds", "lag_s", "planned_s", "sent_s")

    def __init__(self, schedule: Schedule) -> None:
        count = len(schedule.due_s)
        self.planned_s = schedule.due_s
        self.kinds = schedule.kinds
        self.lag_s = array("d", [-1.0]) * count  # from the planned time to when the generator turned to it
        self.sent_s = array("d", [-1.0]) * count
        self.ended_s = array("d", [-1.0]) * count
        self.ends = array("h", [0]) * count  # see `ends.py`
        self.held: list[int] = []  # requests that waited because no more connections were allowed

    def __len__(self) -> int:
        return len(self.planned_s)

    def cut(self, count: int) -> None:
        """Forget all but the first so many: the run was ended before the others were due."""
        self.kinds = self.kinds[:count]
        for name in ("planned_s", "lag_s", "sent_s", "ended_s", "ends"):
            setattr(self, name, getattr(self, name)[:count])

"""Jobs of light models: each runs alone and at once, the foremost first. Pure.

A model that takes one request at a time, and takes no longer for it than a batcher does for its books, gains
nothing by them: nobody joins, and nothing waits long enough for a prediction to matter.
"""

import heapq

from workers.tree.intake import Job


class Light:
    """What waits, by criticality, deadline and arrival: the batcher's order."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, float, int, Job]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def push(self, job: Job) -> None:
        """Let it wait."""
        heapq.heappush(self._waiting, (job.ask.rank, job.ask.deadline_s, job.handle, job))

    def pop(self) -> Job:
        """The foremost; there is one."""
        return heapq.heappop(self._waiting)[-1]

"""Schedules and records in files, for the processes of a run."""

from array import array
from pathlib import Path

import pytest

from sim.load.arrivals import Stored, offsets_s
from sim.load.errors import PlanRefused
from sim.load.plan import Plan, checked, schedule
from sim.load.record import Record
from sim.load.schedule import Schedule
from sim.load.stored import read_requests, record_path, write_record, write_schedule
from sim.load.target import read_target

DUE_S = array("d", (0.0, 0.5, 0.5, 1.0, 1.5))


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_shares_of_a_stored_schedule_are_the_whole_of_it(tmp_path: Path, processes: int) -> None:
    """Nothing twice, nothing left out, each with its class."""
    write_schedule(tmp_path, DUE_S.tobytes(), bytes((0, 1, 0, 1, 1)), [[b"a", b"b"], [b"c"]])
    target = read_target("http://127.0.0.1:1/")
    plan = checked(Plan(target=target, arrivals=Stored(folder=str(tmp_path), seconds=2), processes=processes))
    shares = [schedule(plan, number) for number in range(processes)]
    together = sorted(each for share in shares for each in zip(share.due_s, share.kinds, strict=True))
    assert together == [(0.0, 0), (0.5, 0), (0.5, 1), (1.0, 1), (1.5, 1)]
    assert read_requests(str(tmp_path)) == [[b"a", b"b"], [b"c"]]


def test_a_stored_schedule_is_never_drawn() -> None:
    """It has no formula."""
    with pytest.raises(PlanRefused, match="read, not drawn"):
        offsets_s(Stored(folder="", seconds=1), 1, 10)


def test_a_record_is_written_whole_or_cut_to_what_was_due(tmp_path: Path) -> None:
    """A run that was ended has seen only its beginning."""
    record = Record(Schedule(due_s=DUE_S, kinds=bytes(5)))
    record.cut(3)
    write_record(str(tmp_path), 7, record)
    sizes = {
        name: record_path(str(tmp_path), 7, name).stat().st_size for name in ("planned_s", "ends", "kinds")
    }
    assert sizes == {"planned_s": 24, "ends": 6, "kinds": 3}

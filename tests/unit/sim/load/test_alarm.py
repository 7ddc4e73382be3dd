"""Alarms."""

import asyncio
import time

import pytest

from sim.load.alarm import LoopTimer, TimerFile


@pytest.mark.parametrize("kind", [TimerFile, LoopTimer])
async def test_an_alarm_rings_once_and_not_early(kind: type[TimerFile] | type[LoopTimer]) -> None:
    """Early would be a request before its time; twice costs a turn of the loop."""
    rung_s: list[float] = []
    alarm = kind(asyncio.get_running_loop(), lambda: rung_s.append(time.monotonic()))
    at_s = time.monotonic() + 0.02
    alarm.set(at_s)
    await asyncio.sleep(0.06)
    alarm.close()
    assert len(rung_s) == 1
    assert rung_s[0] >= at_s - 1e-6


@pytest.mark.parametrize("kind", [TimerFile, LoopTimer])
async def test_an_alarm_set_to_the_past_rings_at_once_and_one_set_anew_at_the_later_time(
    kind: type[TimerFile] | type[LoopTimer],
) -> None:
    """The schedule may be behind, or change its mind."""
    rung_s: list[float] = []
    alarm = kind(asyncio.get_running_loop(), lambda: rung_s.append(time.monotonic()))
    alarm.set(time.monotonic() - 1)
    await asyncio.sleep(0.02)
    assert len(rung_s) == 1
    alarm.set(time.monotonic() + 0.01)
    later_s = time.monotonic() + 0.03
    alarm.set(later_s)
    await asyncio.sleep(0.08)
    alarm.close()
    assert len(rung_s) == 2
    assert rung_s[1] >= later_s - 1e-6


@pytest.mark.parametrize("kind", [TimerFile, LoopTimer])
async def test_a_closed_alarm_rings_no_more(kind: type[TimerFile] | type[LoopTimer]) -> None:
    """Its owner is gone."""
    rung: list[int] = []
    alarm = kind(asyncio.get_running_loop(), lambda: rung.append(1))
    alarm.set(time.monotonic() + 0.01)
    alarm.close()
    await asyncio.sleep(0.03)
    assert not rung

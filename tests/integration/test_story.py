"""`make run ONCE=1`: the first thing that a newcomer sees."""

import asyncio
import sys

import pytest

STORY_S_MAX = 400.0


@pytest.mark.models
async def test_the_story_of_make_run_ends_well() -> None:
    """Real pools and payloads: split, fall-through, tickets, and their results; exit 0 says all came."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "sim.story",
        "--once",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(STORY_S_MAX):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    text = output.decode()
    assert process.returncode == 0, text
    for said in ("reads 'FREE MONEY TODAY'", "4 refused, 2 ok", "bad: like", "ticket "):
        assert said in text, text

"""`penstock record` from a running proxy: all of it is there, and whatever happens to it hurts no request."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.admin import recordings
from proxy.recording.desk import BodyPolicy
from proxy.recording.order import RecordingLimits
from sim.stubs.behaviours import Latency
from sim.stubs.server import StubServer
from tests.integration.apps import running
from tests.integration.callers import ask, ask_many, calling, eventually, get, infer, labelled
from tests.integration.processes.families import TABLE, FamilyProcess, some
from tests.integration.recording.recorders import Load, Read, Recorder

REQUESTS = 300


@pytest.fixture
async def stub() -> AsyncIterator[StubServer]:
    async with StubServer("stub", calls_kept=100_000) as stub:
        yield stub


@pytest.fixture
def table(stub: StubServer, tmp_path: Path) -> Path:
    path = tmp_path / "table.yaml"
    path.write_text(TABLE.format(url=stub.url, limits=""))
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "traffic.jsonl"


def family(table: Path, *options: str) -> FamilyProcess:
    return FamilyProcess(table, "memory://", table.with_name("log"), *options)


async def test_every_request_of_all_processes_is_there_and_the_file_is_its_owners(
    table: Path, out: Path
) -> None:
    """Under load, from two processes. Its name is whole only when it is."""
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out, "--for", "60")
        await recorder.begun(proxy)
        statuses: list[int] = []
        await ask_many(proxy.port, some(REQUESTS), lambda each: statuses.append(each.status))
        await ask(proxy.port, infer(labelled(9)))
        assert recorder.part.exists()
        assert not recorder.out.exists()
        recorder.signal(signal.SIGINT)
        status, said = await recorder.end()
    found = Read(out)
    assert (status, recorder.part.exists(), found.mode) == (0, False, 0o600), said
    assert statuses == [200] * REQUESTS
    assert Counter(row.verdict for row in found.rows) == {"served": REQUESTS, "unroutable": 1}
    assert {row.process for row in found.rows} == {1, 2}
    assert found.end is not None
    assert (found.end.complete, found.end.why, found.end.requests) == (True, "asked", REQUESTS + 1)
    assert "301 requests" in said
    assert "it was asked to" in said


async def test_it_ends_by_itself_when_its_time_is_over(table: Path, out: Path) -> None:
    """And the next one can begin, over the file of the first."""
    async with family(table) as proxy:
        for number in (1, 2):
            recorder = await Recorder.start(proxy.admin_port, out, "--for", "0.2s")
            assert await recorder.end() == (0, f"{out}: 0 requests in 0.2 s\n"), number
    assert Read(out).end is not None


async def test_a_limit_of_requests_ends_it(table: Path, out: Path) -> None:
    """It is complete for the time that it says it took."""
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out, "--requests-max", "50")
        await recorder.begun(proxy)
        async with Load(proxy.port) as load:
            status, said = await recorder.end()
        assert set(load.statuses) == {200}
    found = Read(out)
    assert status == 0, said
    assert found.end is not None
    assert found.end.requests == len(found.rows) >= 50
    assert found.end.why == "requests"
    assert max(row.t_s for row in found.rows) <= found.end.seconds + 0.5


async def test_sigterm_of_the_proxy_ends_it_whole_and_every_request_is_answered(
    table: Path, stub: StubServer, out: Path
) -> None:
    """What was under way when the proxy was told to stop is in it too."""
    stub.behave(Latency(delay=0.02))
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out, "--for", "1h")
        await recorder.begun(proxy)
        async with Load(proxy.port) as load:
            await load.more(100)
            proxy.signal(signal.SIGTERM)
            await load.stop()
        status, said = await recorder.end()
        assert await proxy.wait() == 0
    found = Read(out)
    assert set(load.statuses) == {200}
    assert (status, len(found.rows)) == (0, len(load.statuses)), said
    assert "the proxy stopped" in said


async def test_a_killed_proxy_leaves_the_part_and_a_clear_word(table: Path, out: Path) -> None:
    """The name of a whole recording is not given to half of one."""
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out)
        await recorder.begun(proxy)
        await ask_many(proxy.port, some(20), lambda _: None)
        await proxy.kill()
        status, said = await recorder.end()
    assert (status, recorder.out.exists(), recorder.part.exists()) == (1, False, True)
    assert "cut off" in said
    assert str(recorder.part) in said
    assert Read(recorder.part).end is None


async def test_a_process_that_dies_while_recording_makes_it_incomplete(table: Path, out: Path) -> None:
    """Its last lines are gone with it; the process that takes its place records too."""
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out)
        await recorder.begun(proxy)
        os.kill(proxy.children()[1], signal.SIGKILL)
        await proxy.whole_again(restarts=1)
        await ask_many(proxy.port, some(REQUESTS), lambda _: None, connections=32)
        recorder.signal(signal.SIGTERM)
        status, said = await recorder.end()
    found = Read(out)
    assert found.end is not None
    assert (status, found.end.complete, found.end.processes_lost) == (1, False, 1)
    assert (len(found.rows), {row.process for row in found.rows}) == (REQUESTS, {1, 2})
    assert "incomplete" in said
    assert "1 processes that died" in said


async def test_a_recorder_that_is_killed_hurts_nobody(table: Path, out: Path) -> None:
    """The proxy stops recording as soon as it sees that nobody reads, and the next recording can begin."""
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out)
        await recorder.begun(proxy)
        async with Load(proxy.port) as load:
            await load.more(50)
            recorder.signal(signal.SIGKILL)
            await recorder.end()

            async def ended() -> bool:
                return bool(proxy.events("recorded"))

            await eventually(ended, 20.0, "the proxy stops recording")
            await load.more(50)
        assert set(load.statuses) == {200}
        assert proxy.events("recorded")[0]["why"] == "gone"
        assert not recorder.out.exists()
        again = await Recorder.start(proxy.admin_port, out, "--for", "0.1")
        assert (await again.end())[0] == 0


async def test_a_full_disk_under_the_recording_hurts_nobody(table: Path, out: Path) -> None:
    """The limit on the size of files stands in for the disk. What was written stays, as a part."""
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out, file_bytes_max=20_000)
        await recorder.begun(proxy)
        async with Load(proxy.port) as load:
            status, said = await recorder.end()
            await load.more(50)
        assert set(load.statuses) == {200}
    assert (status, recorder.out.exists()) == (1, False)
    assert str(recorder.part) in said
    assert "File too large" in said


async def test_a_reader_that_stands_still_is_given_up_and_hurts_nobody(table: Path) -> None:
    """Nor does it fill the proxy's memory: what it does not read is bounded twice."""
    async with running(table, bodies=BodyPolicy(allowed=True)) as app:
        desk = app.app._office.desk
        desk.limits = RecordingLimits(
            stalled_s_max=0.3, gathered_bytes_max=4_000_000, held_bytes_max=2_000_000
        )
        _, writer = await asyncio.open_connection("127.0.0.1", app.admin_port, limit=1)
        wish = b'{"bodies": true}'
        head = f"POST /v1/recording HTTP/1.1\r\nHost: a\r\nContent-Length: {len(wish)}\r\n\r\n"
        writer.write(head.encode() + wish)
        await writer.drain()
        request = infer(labelled(1, payload="x" * 60_000))
        statuses: list[int] = []
        async with calling(app.port) as caller, asyncio.timeout(60.0):
            while desk.recording is None:  # noqa: ASYNC110 - it begins once its wish has been read
                await asyncio.sleep(0.01)
            while desk.recording is not None:  # the sockets' own buffers have to fill first
                statuses.append((await caller.ask(request)).status)
            assert app.app._engine.pipeline.recorder is None
            assert (await caller.ask(request)).status == 200
        assert set(statuses) == {200}
        writer.close()


async def test_a_reader_that_hangs_up_is_seen_while_there_is_nothing_to_send(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next recording need not wait for a write that fails."""
    monkeypatch.setattr(recordings, "QUIET_S_MAX", 3_600.0)
    async with running(table) as app:
        desk = app.app._office.desk
        _, writer = await asyncio.open_connection("127.0.0.1", app.admin_port)
        writer.write(b"POST /v1/recording HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")

        async def begun() -> bool:
            return desk.recording is not None

        async def ended() -> bool:
            return desk.recording is None

        await eventually(begun, 20.0, "it records")
        writer.close()
        await eventually(ended, 20.0, "it is seen that nobody reads")


async def test_bodies_are_refused_by_a_proxy_that_was_not_started_for_it(table: Path, out: Path) -> None:
    """The admin side has no login. Nothing is left behind."""
    async with family(table) as proxy:
        recorder = await Recorder.start(proxy.admin_port, out, "--bodies")
        status, said = await recorder.end()
        assert (status, recorder.out.exists()) == (1, False)
        assert "--record-bodies" in said


async def test_bodies_are_redacted_by_the_rules_of_both_sides(table: Path, out: Path) -> None:
    """The proxy's own rules hold, whatever the operator of the moment asks for."""
    body = labelled(1, user="li", scene="secret")
    async with family(table, "--record-bodies", "--record-redact", "user") as proxy:
        recorder = await Recorder.start(proxy.admin_port, out, "--bodies", "--redact", "scene=mask")
        await recorder.begun(proxy)
        await ask(proxy.port, infer(body))
        recorder.signal(signal.SIGINT)
        status, said = await recorder.end()
    (row,) = Read(out).rows
    assert status == 0, said
    assert row.body is not None
    assert '"scene":"xxxxxx"' in row.body
    assert "li" not in row.body.replace("label", "")
    assert Read(out).header.rules == ["user", "scene=mask"]


async def test_a_rule_that_makes_no_sense_stops_the_start(table: Path) -> None:
    """Not the first recording, at midnight."""
    for options in (("--record-redact", "user"), ("--record-bodies", "--record-redact", "a..b")):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy.cli", "serve", str(table), *options),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await process.communicate()
        assert process.returncode == 2
        assert b"--record-redact" in said


async def test_what_does_not_record_is_told_apart(table: Path, out: Path) -> None:
    """Nobody there; a recording under way; a file that cannot be written; a wish that is none."""
    nobody = await Recorder.start(1, out)
    assert "No running proxy answers" in (await nobody.end())[1]
    async with family(table) as proxy:
        first = await Recorder.start(proxy.admin_port, out)
        await first.begun(proxy)
        second = await Recorder.start(proxy.admin_port, out.with_name("second"))
        status, said = await second.end()
        assert (status, "one at a time" in said) == (1, True), said
        nowhere = await Recorder.start(proxy.admin_port, out.parent / "no" / "folder")
        status, said = await nowhere.end()
        assert (status, "cannot be written" in said) == (1, True), said
        body = b'{"second": 1}'
        head = f"POST /v1/recording HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        assert (await ask(proxy.admin_port, head + body)).status == 400
        foreign = head.replace(b"Host: a\r\n", b"Host: a\r\nOrigin: http://evil\r\n")
        assert (await ask(proxy.admin_port, foreign + body)).status == 403
        first.signal(signal.SIGINT)
        assert (await first.end())[0] == 0
        assert (await get(proxy.admin_port, "/v1/recording", "DELETE")).status == 404

"""The commands as operators run them: what they say, where, and with which exit code."""

import asyncio
import itertools
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from sim.stubs.behaviours import Latency, Never, Refuse
from sim.stubs.server import StubServer
from tests.integration.callers import Gone, ask, calling, eventually, infer, labelled
from tests.integration.proxies import ProxyProcess

ROOT = Path(__file__).parents[2]
FOUNDING = ROOT / "routing_tables" / "founding.yaml"
COMMAND_S_MAX = 60.0


class Ended:
    """How a command ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err


async def penstock(*arguments: str, **environ: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environ},
    )
    try:
        async with asyncio.timeout(COMMAND_S_MAX):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def serve(table: Path, *more: str) -> Ended:
    """`serve` on free ports, for tables and options that must not be served."""
    free = "127.0.0.1:0"
    defaults = ("--listen", free, "--admin", free, "--queue", "memory://")
    return await penstock("serve", str(table), *defaults, *more)


AGAIN = "  - {application: 3, timeout: 9, weight: 1, priority: 0, clusterType: http, label: 7}\n"

BAD = {
    "typo": ("applications:", "aplications:", "applications"),
    "duplicate row": ("routes:\n", f"routes:\n{AGAIN}", "repeats"),
    "negative timeout": ("timeout: 100, weight: 10", "timeout: -100, weight: 10", "timeout: -100"),
    "unknown application": ("application: 6", "application: 66", "66"),
    "missing variable": ("http://127.0.0.1:9001", "${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE"),
    "unknown labeler": ("use: json-field", "use: jsn-field", "json-field"),
    "not YAML": ("version: 1", "version: [1", "not YAML"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_table_is_refused_with_its_line_by_check_and_by_serve(what: str, tmp_path: Path) -> None:
    """Exit 2, the problem and its line, no traceback, and nothing is served."""
    old, new, said = BAD[what]
    text = FOUNDING.read_text()
    assert old in text
    table = tmp_path / "table.yaml"
    table.write_text(text.replace(old, new, 1))
    for ended in (await penstock("check", str(table)), await serve(table)):
        assert ended.code == 2, ended.err
        assert said in ended.err
        assert f"{table}:" in ended.err
        assert "Traceback" not in ended.err
        assert ended.out == ""


async def test_all_problems_of_a_table_are_said_at_once(tmp_path: Path) -> None:
    """Mending a table must not take as many rounds as it has mistakes."""
    table = tmp_path / "table.yaml"
    text = FOUNDING.read_text().replace("timeout: 200", "timeout: soon").replace("weight: 50", "weight: -50")
    table.write_text(text.replace("application: 5,", "application: 55,"))
    ended = await penstock("check", str(table))
    lines = [line for line in ended.err.splitlines() if line.startswith(str(table))]
    assert len(lines) == 3


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{last}'] * 9)}]\n" for last, name in itertools.pairwise("abcdefgh")
)


@pytest.mark.parametrize(("text", "said"), [("", "empty"), (BOMB, "alias")], ids=["empty file", "YAML bomb"])
async def test_a_file_that_is_no_table_is_refused_at_once(text: str, said: str, tmp_path: Path) -> None:
    """A bomb must not take the memory of the proxy that validates it."""
    table = tmp_path / "table.yaml"
    table.write_text(text)
    ended = await penstock("check", str(table))
    assert ended.code == 2
    assert said in ended.err


async def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The commonest mistake of all."""
    ended = await serve(tmp_path / "nowhere.yaml")
    assert ended.code == 2
    assert "nowhere.yaml: No such file or directory" in ended.err


async def test_expectations_that_hold_exit_0_and_others_exit_2_with_their_line(tmp_path: Path) -> None:
    """Tests of the table itself, for the pipeline that deploys it."""
    expect = ROOT / "routing_tables" / "founding.expect.yaml"
    assert (await penstock("check", str(FOUNDING), "--expect", str(expect))).code == 0
    table = tmp_path / "table.yaml"
    table.write_text(FOUNDING.read_text().replace("weight: 50", "weight: 40"))
    ended = await penstock("check", str(table), "--expect", str(expect))
    assert ended.code == 2
    assert f"{expect}:" in ended.err


async def test_pinning_wants_several_processes_and_a_core_for_each() -> None:
    """Two processes on one core are slower than one: said at once, not found out in the night."""
    single = await penstock("serve", str(FOUNDING), "--pin")
    assert single.code == 2
    assert "--processes" in single.err
    crowded = await penstock("serve", str(FOUNDING), "--pin", "--processes", "64")
    assert crowded.code == 2
    assert "64 processes want as many cores" in crowded.err


async def test_explain_says_who_would_serve_and_with_what_share(tmp_path: Path) -> None:
    """By label, and by payload through the table's own labelers."""
    by_label = await penstock("explain", str(FOUNDING), "--label", "1125", "--json")
    rows = msgspec.json.decode(by_label.out)["tiers"][0]["rows"]
    assert {row["application"]: round(row["share"], 3) for row in rows} == {"1": 0.167, "4": 0.833}
    payload = tmp_path / "payload.json"
    payload.write_bytes(labelled(1125))
    by_payload = await penstock("explain", str(FOUNDING), "--payload", str(payload), "--json")
    assert msgspec.json.decode(by_payload.out) == msgspec.json.decode(by_label.out)
    drawn = await penstock("explain", str(FOUNDING), "--label", "1125")
    assert "83.3%" in drawn.out
    neither = await penstock("explain", str(FOUNDING))
    assert neither.code == 2
    assert "--label" in neither.err


async def test_labels_of_explain_may_be_written_with_commas(tmp_path: Path) -> None:
    """As in the table itself; each counts once."""
    together = await penstock("explain", str(FOUNDING), "--label", "1, 1125,1", "--json")
    apart = await penstock("explain", str(FOUNDING), "--label", "1", "--label", "1125", "--json")
    assert together.code == 0
    assert together.out == apart.out


async def test_a_labeler_that_hangs_is_broken_off_by_explain(tmp_path: Path) -> None:
    """As it would be in the proxy; else the command would hang on the very labeler it is to explain."""
    (tmp_path / "mine.py").write_text("def hangs(payload):\n    while True:\n        pass\n")
    labeler = '{use: "mine.py:hangs", default: 1125}'
    text = FOUNDING.read_text().replace("{use: json-field, path: parameters.label}", labeler)
    path, payload = tmp_path / "table.yaml", tmp_path / "payload.json"
    path.write_text(text)
    payload.write_bytes(labelled(7))
    ended = await penstock("explain", str(path), "--payload", str(payload), "--json")
    assert msgspec.json.decode(ended.out)["labels"] == ["1125"]
    assert "overran" in ended.err


@pytest.mark.parametrize(
    ("option", "words"), [(("--label", "a b"), "no label"), (("--header", "X-Tier"), "Name: value")]
)
async def test_a_question_to_explain_with_a_slip_is_refused_in_words(
    option: tuple[str, str], words: str, tmp_path: Path
) -> None:
    """It must not be answered as another question."""
    payload = tmp_path / "payload.json"
    payload.write_bytes(labelled(1125))
    more = () if option[0] == "--label" else ("--payload", str(payload))
    ended = await penstock("explain", str(FOUNDING), *option, *more)
    assert (ended.code, words in ended.err, "Traceback" in ended.err) == (2, True, False)


async def test_a_port_in_use_is_said_and_the_queue_is_let_go(tmp_path: Path) -> None:
    """Which of the two ports, too."""
    async with StubServer("stub") as stub:
        taken = f"127.0.0.1:{stub.port}"
        for option in ("--listen", "--admin"):
            ended = await serve(FOUNDING, option, taken)
            assert ended.code == 1
            assert taken in ended.err
            assert "Traceback" not in ended.err


@pytest.mark.parametrize("address", ["a..b:80", "127.0.0.1", ":80", "h:http", "h:65536"])
async def test_what_is_no_address_is_refused_in_words(address: str) -> None:
    """Before anything is opened; a name that no resolver takes is none either."""
    ended = await serve(FOUNDING, "--admin", address)
    assert (ended.code, "--admin" in ended.err, "Traceback" in ended.err) == (2, True, False)


async def test_a_second_process_on_the_same_queue_is_refused_with_the_owners_pid(tmp_path: Path) -> None:
    """Two writers could corrupt the file."""
    queue = f"sqlite:///{tmp_path}/queue.db"
    async with ProxyProcess(FOUNDING, queue, tmp_path / "log") as proxy:
        ended = await serve(FOUNDING, "--queue", queue)
        assert ended.code == 1
        assert str(proxy.pid) in ended.err
        stats = await penstock("queue", "stats", "--queue", queue, "--json")
        assert stats.code == 0, stats.err


async def test_a_queue_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    """A directory that is not there, a file that is no database."""
    missing = await serve(FOUNDING, "--queue", f"sqlite:///{tmp_path}/no/such/queue.db")
    rubbish = tmp_path / "rubbish.db"
    rubbish.write_bytes(b"this is no database" * 1000)
    corrupt = await serve(FOUNDING, "--queue", f"sqlite:///{rubbish}")
    unknown = await serve(FOUNDING, "--queue", "mysql://x")
    for ended in (missing, corrupt, unknown):
        assert ended.code == 1
        assert ended.err.startswith("penstock: The offline queue cannot be opened"), ended.err


async def test_sigterm_lets_requests_end_and_keeps_tickets(tmp_path: Path) -> None:
    """Drain: what is in flight is answered, and says that it is the last answer on its connection."""
    table = tmp_path / "table.yaml"
    async with StubServer("slow", Latency(delay=0.5)) as stub:
        text = FOUNDING.read_text().replace("http://127.0.0.1:9003", stub.url)
        table.write_text(text.replace("timeout: 100", "timeout: 5000"))
        queue = f"sqlite:///{tmp_path}/queue.db"
        proxy = ProxyProcess(table, queue, tmp_path / "log")
        await proxy.start()
        async with calling(proxy.port) as caller, calling(proxy.port) as idle:
            answer = caller.ask(infer(labelled(7)))

            async def called() -> bool:
                return stub.received == 1

            await eventually(called, 5, "the call")
            proxy.signal(signal.SIGTERM)
            response = await answer
            assert response.status == 200
            assert response.headers["connection"] == "close"
            assert await proxy.wait() == 0
            assert idle.gone
        stub.behave(Refuse())
        proxy = ProxyProcess(table, queue, tmp_path / "log")
        await proxy.start()
        ticket = (await ask(proxy.port, infer(labelled(7)))).headers["location"]
        assert await proxy.stop() == 0
        listed = await penstock("queue", "list", "--queue", queue, "--json")
        assert ticket.rpartition("/")[2] in listed.out


async def test_a_second_signal_does_not_wait_for_requests(tmp_path: Path) -> None:
    """Whoever presses Ctrl-C twice means it."""
    table = tmp_path / "table.yaml"
    async with StubServer("hole", Never()) as stub:
        text = FOUNDING.read_text().replace("http://127.0.0.1:9003", stub.url)
        table.write_text(text.replace("timeout: 100", "timeout: 500000"))
        proxy = ProxyProcess(table, "memory://", tmp_path / "log", "--drain-s", "500")
        await proxy.start()
        async with calling(proxy.port) as caller:
            answer = caller.ask(infer(labelled(7)))

            async def called() -> bool:
                return stub.received == 1

            await eventually(called, 5, "the call")
            proxy.signal(signal.SIGINT)

            async def draining() -> bool:
                return "draining" in (tmp_path / "log").read_text()

            await eventually(draining, 5, "the drain")
            proxy.signal(signal.SIGINT)
            assert await proxy.wait() == 0
            with pytest.raises(Gone):
                await answer
        assert '"cut_off": 1' in (tmp_path / "log").read_text()


async def test_the_log_is_one_json_line_per_event(tmp_path: Path) -> None:
    """For machines, where stderr is no terminal."""
    log = tmp_path / "log"
    async with ProxyProcess(FOUNDING, "memory://", log):
        pass
    events = [msgspec.json.decode(line) for line in log.read_bytes().splitlines()]
    assert [event["event"] for event in events] == ["ready", "draining", "ended"]


@pytest.mark.parametrize("command", ["serve", "worker", "check", "explain", "queue", "calibrate"])
async def test_every_command_has_help(command: str) -> None:
    """`--help` is the first manual."""
    ended = await penstock(command, "--help")
    assert ended.code == 0
    assert "Usage:" in ended.out
    assert "--help" in ended.out

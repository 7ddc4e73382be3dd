"""`penstock queue`: what an operator sees and can mend."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from proxy.clock import LiveClock
from proxy.errors import QueueUnusable
from proxy.offline.commands import queue_commands
from proxy.offline.open import open_queue
from proxy.ports import OfflineQueue
from proxy.tickets import TicketStatus
from tests.stand_ins.log import RecordingLog
from tests.stand_ins.parcels import ANSWER, parked

T = TypeVar("T")

Ask = Callable[..., Result]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/q.db"


def on_queue(url: str, work: Callable[[OfflineQueue], Awaitable[T]]) -> T:
    async def run() -> T:
        queue = await open_queue(url, clock=LiveClock(), log=RecordingLog())
        try:
            return await work(queue)
        finally:
            await queue.close()

    return asyncio.run(run())


@pytest.fixture
def names(url: str) -> list[str]:
    """One done, two dead, one pending."""

    async def fill(queue: OfflineQueue) -> list[str]:
        names = [await parked(queue, labels=("1", "[red]44[/red]")) for _ in range(4)]
        done, *dead = await queue.claim(3, 30.0)
        await queue.complete(done, ANSWER)
        for claim in dead:
            await queue.bury(claim, "poison")
        return names

    return on_queue(url, fill)


@pytest.fixture
def ask(url: str, monkeypatch: pytest.MonkeyPatch) -> Ask:
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(
            queue_commands, [*arguments, "--queue", url], input=typed, catch_exceptions=False
        )

    return run


def told(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_stats_count_by_status(ask: Ask, names: list[str]) -> None:
    """As a table, and as JSON for scripts."""
    stats = told(ask("stats", "--json"))
    assert stats["counts"] == {
        "queued": 1, "running": 0, "done": 1, "dead": 2, "expired": 0, "cancelled": 0,
    }  # fmt: off
    text = ask("stats").output
    assert f"stored: {stats['stored_bytes']} bytes; oldest pending: " in text
    assert [line.split()[1:4:2] for line in text.splitlines() if "dead" in line] == [["dead", "2"]]


def test_stats_of_an_empty_queue_know_no_oldest(ask: Ask, url: str) -> None:
    """None is none, not zero seconds."""
    on_queue(url, lambda queue: queue.stats())
    assert "oldest pending: none" in ask("stats").output


def test_a_list_shows_tickets_as_they_are_written(ask: Ask, names: list[str]) -> None:
    """Labels and reasons come from outside: no markup in them is followed."""
    text = ask("list").output
    assert all(name in text for name in names)
    assert "[red]44[/red]" in text
    assert "tickets: 4" in text


def test_a_narrow_terminal_and_a_pipe_lose_no_column(
    ask: Ask, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ticket is there to be copied into the next command; the reason is what one looks for."""
    monkeypatch.setenv("COLUMNS", "70")
    heading, *rows = ask("list", "--status", "dead").output.splitlines()
    assert heading.split() == ["ticket", "status", "model", "class", "labels", "age", "tries", "reason"]
    assert [(row.split()[0], row.split()[-1]) for row in rows[:2]] == [
        (name, "poison") for name in names[1:3]
    ]


def test_a_list_can_be_narrowed_and_paged(ask: Ask, names: list[str]) -> None:
    """By status, by number, and from a ticket on."""
    dead = told(ask("list", "--json", "--status", "dead"))
    assert [(each["id"], each["reason"]) for each in dead] == [(name, "poison") for name in names[1:3]]
    assert [each["id"] for each in told(ask("list", "--json", "--limit", "2"))] == names[:2]
    assert [each["id"] for each in told(ask("list", "--json", "--after", names[2]))] == names[3:]


def test_show_tells_all_but_the_bodies(ask: Ask, names: list[str]) -> None:
    """An answer may be megabytes of tensors."""
    shown = told(ask("show", "--json", names[0]))
    assert (shown["id"], shown["status"], shown["tries"]) == (names[0], "done", 1)
    assert shown["answer"] == {"status": 200, "body_bytes": len(ANSWER.body)}
    assert told(ask("show", "--json", names[3]))["answer"] is None
    assert '{"status": 200' in ask("show", names[0]).output


def test_show_of_an_unknown_ticket_fails(ask: Ask, names: list[str]) -> None:
    """Scripts look at the exit code."""
    result = ask("show", "nobody")
    assert result.exit_code == 1
    assert "no ticket nobody" in result.output


def test_redrive_of_named_tickets_asks_nothing(ask: Ask, names: list[str], url: str) -> None:
    """They were named."""
    assert told(ask("redrive", "--json", names[1])) == {"redriven": 1}
    ticket = on_queue(url, lambda queue: queue.find(names[1]))
    assert ticket is not None
    assert ticket.status is TicketStatus.QUEUED


def test_redrive_says_that_a_named_ticket_was_not_to_be_redriven(ask: Ask, names: list[str]) -> None:
    """A name with a slip in it must not look like success; the others are redriven all the same."""
    result = ask("redrive", names[1], names[0], "nobody")
    assert result.exit_code == 1
    assert "redriven: 1\n" in result.output
    assert "2 of these tickets" in result.output


def test_redrive_of_all_asks_first(ask: Ask, names: list[str]) -> None:
    """A thousand poisoned tickets at once are an operator's mistake to make knowingly."""
    assert ask("redrive", typed="n\n").exit_code == 1
    assert ask("redrive", typed="y\n").output.endswith("redriven: 2\n")
    assert ask("redrive", "--yes").output == "redriven: 0\n"


def test_purge_asks_first_and_forgets_only_what_is_named(ask: Ask, names: list[str]) -> None:
    """It cannot be undone."""
    assert ask("purge", "--status", "dead", typed="n\n").exit_code == 1
    assert ask("purge", "--status", "dead", "--older-than", "1000", "--yes").output == "purged: 0\n"
    assert told(ask("purge", "--status", "dead", "--yes", "--json")) == {"purged": 2}
    assert told(ask("stats", "--json"))["counts"]["done"] == 1


@pytest.mark.parametrize("status", ["queued", "running"])
def test_what_is_pending_cannot_be_purged(ask: Ask, names: list[str], status: str) -> None:
    """Accepted work is not thrown away by a slip."""
    assert ask("purge", "--status", status, "--yes").exit_code == 2


def test_a_queue_that_is_not_there_is_an_error(ask: Ask) -> None:
    """And is not made."""
    with pytest.raises(QueueUnusable, match="no such file"):
        ask("stats")


def test_ages_are_told_in_the_largest_unit_that_fits(
    ask: Ask, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody reads 93784.0 s."""
    on_queue(url, parked)
    wall = LiveClock.wall
    ages = []
    for passed_s in (30, 120, 7200, 72 * 3600):
        monkeypatch.setattr(LiveClock, "wall", staticmethod(lambda passed_s=passed_s: wall() + passed_s))
        ages.append(ask("stats").output.rsplit("pending: ", 1)[1].split()[1])
    assert ages == ["s", "min", "h", "d"]

"""`penstock queue`: looks into the offline queue and mends it, through its owner if it has one."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from proxy.clock import LiveClock
from proxy.observe.logs import open_log
from proxy.offline.open import attach_queue
from proxy.ports import OfflineQueue
from proxy.tickets import Ticket, TicketStatus

T = TypeVar("T")

LIST_COLUMNS_MIN = 200
"""A list is laid out for so many characters at least: long lines wrap, where a narrow terminal or a pipe
would lose whole columns."""

ENDED = ("done", "dead", "expired", "cancelled")

_url = click.option(
    "--queue", "url", default="sqlite:///penstock.db", show_default=True, metavar="URL", help="The queue."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group(name="queue")
def queue_commands() -> None:
    """Look into the offline queue and mend it, also under a proxy."""


@queue_commands.command()
@_url
@_json
def stats(url: str, as_json: bool) -> None:
    """Tickets by status; stored bytes; the age of the oldest pending."""
    found = _with_queue(url, lambda queue: queue.stats())
    if as_json:
        _print_json(found)
        return
    table = Table("status", "tickets")
    table.columns[1].justify = "right"
    for status, count in found.counts.items():
        table.add_row(status, str(count))
    oldest = "none" if found.oldest_pending_s is None else _age(found.oldest_pending_s)
    _print(table, f"stored: {found.stored_bytes} bytes; oldest pending: {oldest}")


@queue_commands.command(name="list")
@_url
@_json
@click.option("--status", type=click.Choice([status.value for status in TicketStatus]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many.")
@click.option("--after", default="", metavar="TICKET", help="Only tickets made after this one.")
def list_tickets(url: str, as_json: bool, status: str | None, limit: int, after: str) -> None:
    """Tickets in the order in which they were made."""
    wanted = None if status is None else TicketStatus(status)
    tickets = _with_queue(url, lambda queue: queue.list(wanted, limit, after))
    if as_json:
        _print_json([_shown(ticket) for ticket in tickets])
        return
    now = LiveClock().wall()
    headings = ("ticket", "status", "model", "class", "labels", "age", "tries", "reason")
    table = Table(*headings, box=None, pad_edge=False)
    table.columns[0].min_width = max((len(each.id) for each in tickets), default=0)  # to be copied whole
    for each in tickets:
        labels, age = ", ".join(each.labels), _age(now - each.created_s)
        table.add_row(
            each.id, each.status.value, each.model, each.class_name, labels, age, str(each.tries), each.reason
        )
    _print(table, f"tickets: {len(tickets)}", columns_min=LIST_COLUMNS_MIN)


@queue_commands.command()
@_url
@_json
@click.argument("ticket")
def show(url: str, as_json: bool, ticket: str) -> None:
    """All that is known of one ticket."""
    found = _with_queue(url, lambda queue: queue.find(ticket))
    if found is None:
        raise click.ClickException(f"no ticket {ticket}")
    if as_json:
        _print_json(_shown(found))
        return
    table = Table("field", "value", show_header=False)
    for name, value in _shown(found).items():
        table.add_row(name, value if isinstance(value, str) else json.dumps(value))
    _print(table)


@queue_commands.command()
@_url
@_json
@_yes
@click.argument("tickets", nargs=-1, metavar="[TICKET]...")
def redrive(url: str, as_json: bool, yes: bool, tickets: tuple[str, ...]) -> None:
    """Make dead or expired tickets pending again; without TICKET, all."""
    if not tickets and not yes:
        click.confirm("Redrive all dead and expired tickets?", abort=True)
    count = _with_queue(url, lambda queue: queue.redrive(tickets))
    _say_count("redriven", count, as_json)
    others = len(set(tickets)) - count
    if others > 0:
        raise click.ClickException(f"{others} of these tickets are not there, or neither dead nor expired")


@queue_commands.command()
@_url
@_json
@_yes
@click.option("--status", type=click.Choice(ENDED), required=True, help="Which tickets to forget.")
@click.option(
    "--older-than",
    "older_than_s",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    metavar="SECONDS",
    help="Only those that ended longer ago.",
)
def purge(url: str, as_json: bool, yes: bool, status: str, older_than_s: float) -> None:
    """Forget tickets that ended in a status."""
    if not yes:
        click.confirm(f"Forget all tickets {status} for more than {older_than_s:g} s?", abort=True)
    count = _with_queue(url, lambda queue: queue.purge(TicketStatus(status), older_than_s))
    _say_count("purged", count, as_json)


def _with_queue(url: str, work: Callable[[OfflineQueue], Awaitable[T]]) -> T:
    async def run() -> T:
        queue = await attach_queue(url, clock=LiveClock(), log=open_log("warning"))
        try:
            return await work(queue)
        finally:
            await queue.close()

    return asyncio.run(run())


def _shown(ticket: Ticket) -> dict[str, Any]:
    """A ticket as JSON shows it: the answer as its status and size, for its body may be anything."""
    shown: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(ticket, answer=None))
    if ticket.answer is not None:
        shown["answer"] = {"status": ticket.answer.status, "body_bytes": len(ticket.answer.body)}
    return shown


def _say_count(verb: str, count: int, as_json: bool) -> None:
    if as_json:
        _print_json({verb: count})
    else:
        _print(f"{verb}: {count}")


def _print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value)).decode())


def _print(*parts: Table | str, columns_min: int = 0) -> None:
    console = Console(markup=False, highlight=False)
    console.width = max(console.width, columns_min)
    for part in parts:
        console.print(part)


def _age(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"

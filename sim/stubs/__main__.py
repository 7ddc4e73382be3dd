"""`python -m sim.stubs`: stub model servers as a process of their own, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import contextlib
import random
import signal
import sys

import uvloop

from sim.stubs.behaviours import AnyBehaviour
from sim.stubs.phrase import read_behaviour
from sim.stubs.server import StubServer
from sim.stubs.timers import AlarmTimers


def main() -> int:
    """Serve; 1 when an address is not to be had, 2 (from argparse) when an argument is wrong."""
    options = _options()
    try:
        uvloop.run(_serve(options))
    except OSError as error:
        print(f"stub: {error}", file=sys.stderr)
        return 1
    return 0


def _stubs(options: argparse.Namespace, timers: AlarmTimers) -> list[StubServer]:
    rng = random.Random(options.seed)
    return [
        StubServer(
            options.name or f"stub-{port or number}",
            options.behaviour,
            host=host,
            port=port,
            calls_kept=0,
            rng=rng,
            timers=timers,
        )
        for number, (host, port) in enumerate(options.listen)
    ]


async def _serve(options: argparse.Namespace) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    async with contextlib.AsyncExitStack() as stack:
        stubs = _stubs(options, stack.enter_context(contextlib.closing(AlarmTimers())))
        for stub in stubs:
            await stack.enter_async_context(stub)
        print("stub ready", *(stub.url for stub in stubs), flush=True)
        await over.wait()


def _options() -> argparse.Namespace:
    options = argparse.ArgumentParser(prog="python -m sim.stubs", description=__doc__)
    options.add_argument(
        "--listen",
        type=_address,
        action="append",
        required=True,
        metavar="HOST:PORT",
        help="port 0 = any free one, told in the 'stub ready' line; repeat for more stubs",
    )
    options.add_argument(
        "--behaviour",
        type=_behaviour,
        default="ok",
        metavar="WORD[,SETTING=VALUE...]|JSON",
        help=read_behaviour.__doc__,
    )
    options.add_argument("--name", default="", help="stands in every good answer (stub-PORT if left out)")
    options.add_argument("--seed", type=int, default=0, help="of drawn delays and fractions")
    return options.parse_args()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not HOST:PORT")
    return host or "127.0.0.1", int(port)


def _behaviour(text: str) -> AnyBehaviour:
    try:
        return read_behaviour(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())

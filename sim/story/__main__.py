"""`make run`: starts two pools of real models and the proxy, tells the story, and serves until Ctrl-C."""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console

from sim.story.children import Child, DidNotStart, free_port, port_of, proxy, worker_pool
from sim.story.payloads import pictures, text, texts
from sim.story.teller import Teller

TABLE = Path(__file__).parents[2] / "routing_tables" / "story.yaml"
SPLIT = 120
"""Requests of which the weighted split is counted."""


class Stage:
    """The two pools and the proxy; `gpu` and `cpu` keep their ports when they are started again."""

    def __init__(self, console: Console, folder: Path) -> None:
        self._console = console
        self._folder = folder
        self._gpu_port = self._cpu_port = 0
        self.gpu = self._pool("gpu", 0)
        self.cpu = self._pool("cpu", 0)
        self.proxy: Child | None = None
        self.url = ""
        self.admin = ""

    async def open(self) -> None:
        """Start all; the pools load side by side."""
        self._say("loading four models in each of two pools; the gpu pool takes CUDA where there is one")
        gpu, cpu = await asyncio.gather(self.gpu.start(), self.cpu.start())
        self._gpu_port, self._cpu_port = port_of(gpu), port_of(cpu)
        queue = f"sqlite:///{self._folder}/queue.db"
        self.proxy = proxy(str(TABLE), queue, free_port(8080), free_port(9090), self._say)
        pools = {
            "GPU_POOL": f"http://127.0.0.1:{self._gpu_port}",
            "CPU_POOL": f"http://127.0.0.1:{self._cpu_port}",
        }
        line = await self.proxy.start(pools)
        self.url = f"http://127.0.0.1:{port_of(line, 'http=')}"
        self.admin = f"http://127.0.0.1:{port_of(line, 'admin=')}"
        self._say(f"the proxy listens on {self.url}, its admin side on {self.admin}")

    async def reopen_pools(self) -> None:
        """Start both pools again, where they were."""
        self.gpu = self._pool("gpu", self._gpu_port)
        self.cpu = self._pool("cpu", self._cpu_port)
        await asyncio.gather(self.gpu.start(), self.cpu.start())

    async def close(self) -> None:
        """End all, the proxy first."""
        for child in (self.proxy, self.gpu, self.cpu):
            if child is not None:
                await child.stop()

    def _pool(self, kind: str, port: int) -> Child:
        options = {
            "gpu": ["--device", "auto", "--cpu-processes", "2"],
            "cpu": ["--device", "cpu", "--cpu-processes", "1"],
        }
        return worker_pool(f"{kind} pool", port, options[kind], self._say)

    def _say(self, line: str) -> None:
        self._console.print(f"  {line}", style="dim", markup=False, highlight=False)


async def tell(stage: Stage, teller: Teller) -> bool:
    """The story; whether every chapter ended as it should."""
    teller.headline("1. Real pictures and texts; label 1125 comes from the scene, 44 from bad words")
    first = await teller.tell([*pictures(), *texts()])

    teller.headline("2. Tier 0 is shared by weight: 10 for application 1 (cpu pool), 50 for 4 (gpu pool)")
    by = await teller.split(text("text-toxicity", "Summer dresses, free shipping"), SPLIT)

    teller.headline("3. The gpu pool is stopped: what is drawn for application 4 falls through to 2")
    await stage.gpu.stop()
    fallen = await teller.tell(texts())

    teller.headline("4. Both pools are stopped: every request gets a ticket, written durably first")
    await stage.cpu.stop()
    ticketed = await teller.tell([*texts()[:3], pictures()[0]])

    teller.headline("5. The pools come back: each ticket ends with its model's own answer")
    await stage.reopen_pools()
    redeemed = await teller.redeem(ticketed)
    return (
        all(each.status == 200 for each in first + fallen)
        and by["1"] + by["4"] == SPLIT
        and any(each.application == "2" for each in fallen)
        and all(each.status == 202 for each in ticketed)
        and redeemed == len(ticketed)
    )


async def run(once: bool) -> int:
    """Open the stage, tell the story, serve on unless `once`; the exit code."""
    console = Console(width=None if sys.stdout.isatty() else 170, highlight=False)
    with tempfile.TemporaryDirectory(prefix="penstock-") as folder:
        stage = Stage(console, Path(folder))
        try:
            await stage.open()
            teller = Teller(stage.url, console)
            try:
                well = await tell(stage, teller)
            finally:
                await teller.close()
            if not well:
                console.print("\nThe story did not end as it should: see above.", style="bold red")
                return 1
            if not once:
                console.print(f"\nServing on {stage.url} (admin: {stage.admin}/metrics) until Ctrl-C. Try:")
                console.print(_try(stage.url), markup=False)
                await asyncio.Event().wait()
        except DidNotStart as error:
            console.print(f"\n{error}", style="bold red", markup=False)
            return 1
        finally:
            await stage.close()
    return 0


def _try(url: str) -> str:
    body = (
        '{"parameters": {"scene": "ad_upload"}, "inputs": '
        '[{"name": "TEXT", "datatype": "BYTES", "shape": [1], "data": ["free shipping"]}]}'
    )
    return f"  curl -i {url}/v2/models/text-toxicity/infer -d '{body}'"


@click.command()
@click.option("--once", is_flag=True, help="Exit after the story.")
def main(once: bool) -> None:
    """Start real worker pools and the proxy, send real payloads, print where each went."""
    code = 130
    with contextlib.suppress(KeyboardInterrupt):
        code = asyncio.run(run(once))
    sys.exit(0 if code == 130 else code)


if __name__ == "__main__":
    main()

"""Load for a model server that takes JPEGs: processes with many connections, and what came back when.

    python -m sim.bench.pictures HOST:PORT --model vit-b16 --processes 6 --connections 64 --rows 1
    ... --rate 7000: open loop, latency from the planned moment

Prints one JSON line. `--way litserve` speaks to a LitServe server taking base64 (POST /predict), `triton` to
a model whose batch has a dimension of its own, `set` asks a set of models.
"""

import argparse
import asyncio
import base64
import json
import multiprocessing
import statistics
import struct
import time
from typing import Any

import uvloop

from workers.bench.picture import sample_picture

PICTURES = 64


def requests_for(arguments: argparse.Namespace) -> list[bytes]:
    """Whole HTTP requests, as bytes."""
    raws = [sample_picture(number) for number in range(PICTURES)]
    return [
        _request(arguments, [raws[(n + k) % PICTURES] for k in range(arguments.rows)])
        for n in range(PICTURES)
    ]


def _request(arguments: argparse.Namespace, raws: list[bytes]) -> bytes:
    if arguments.way == "litserve":
        body = json.dumps({"image": base64.b64encode(raws[0]).decode()}).encode()
        path, extra = "/predict", "Content-Type: application/json\r\n"
    else:
        data = b"".join(struct.pack("<I", len(raw)) + raw for raw in raws)
        head = json.dumps(
            {
                "inputs": [
                    {
                        "name": "PICTURE" if arguments.way == "set" else "IMAGE",
                        "datatype": "BYTES",
                        "shape": [len(raws), 1] if arguments.way == "triton" else [len(raws)],
                        "parameters": {"binary_data_size": len(data)},
                    }
                ],
                "outputs": [
                    {"name": name, "parameters": {"binary_data": True}}
                    for name in arguments.outputs.split(",")
                ],
            }
        ).encode()
        body, path = head + data, f"/v2/models/{arguments.model}/infer"
        extra = f"Inference-Header-Content-Length: {len(head)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{extra}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Caller(asyncio.Protocol):
    """One connection: a request at a time."""

    def __init__(self, crowd: "Crowd") -> None:
        self.crowd = crowd
        self.began_s = 0.0
        self.buffer = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.crowd.free(self)

    def send(self, raw: bytes, began_s: float) -> None:
        self.began_s = began_s
        self.transport.write(raw)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n")[0]) if at >= 0 else 0
        if len(self.buffer) < end + 4 + length:
            return
        self.crowd.ended(self, head[9:12], self.buffer[end + 4 :])
        self.buffer = b""
        self.crowd.free(self)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.crowd.lost += 1


class Crowd:
    """All callers of one process."""

    def __init__(self, arguments: argparse.Namespace, rate: float) -> None:
        self.requests = requests_for(arguments)
        self.rate = rate
        self.lost = 0
        self.idle: list[Caller] = []
        self.due: list[float] = []
        self.latencies: list[float] = []
        self.ends: list[float] = []
        self.statuses: dict[str, int] = {}
        self.words = ""
        self.counting = self.over = False
        self.sent = 0

    def free(self, caller: Caller) -> None:
        """The caller can send again."""
        if self.over:
            return
        if self.rate and not self.due:
            self.idle.append(caller)
        else:
            self._send(caller, self.due.pop(0) if self.rate else time.perf_counter())

    def plan(self, now_s: float) -> None:
        """Open loop: a request is due."""
        if self.idle:
            self._send(self.idle.pop(), now_s)
        else:
            self.due.append(now_s)

    def ended(self, caller: Caller, status: bytes, body: bytes) -> None:
        """An answer came."""
        if self.counting:
            key = status.decode()
            self.statuses[key] = self.statuses.get(key, 0) + 1
            if key != "200":
                self.words = body[:200].decode(errors="replace")
            now_s = time.perf_counter()
            self.latencies.append(now_s - caller.began_s)
            self.ends.append(now_s)

    def _send(self, caller: Caller, began_s: float) -> None:
        self.sent += 1
        caller.send(self.requests[self.sent % len(self.requests)], began_s)


async def crowd(arguments: argparse.Namespace, number: int) -> dict[str, Any]:
    """One process's part."""
    host, _, port = arguments.address.rpartition(":")
    loop = asyncio.get_running_loop()
    here = Crowd(arguments, arguments.rate / arguments.processes)
    for _ in range(arguments.connections):
        await loop.create_connection(lambda: Caller(here), host, int(port))
    began = time.perf_counter()
    counted_s = None
    next_s = began + number * 1e-4
    while (now := time.perf_counter()) < began + arguments.warm + arguments.seconds:
        if counted_s is None and now >= began + arguments.warm:
            counted_s, here.counting = now, True
        if here.rate:
            while next_s <= now:
                here.plan(next_s)
                next_s += 1 / here.rate
            await asyncio.sleep(0.0005)
        else:
            await asyncio.sleep(0.01)
    here.counting, here.over = False, True
    took_s = time.perf_counter() - (counted_s or began)
    return {
        "took_s": took_s,
        "latencies": here.latencies,
        "quarters": quarters(here.ends, counted_s or began, took_s),
        "statuses": here.statuses,
        "lost": here.lost,
        "words": here.words,
        "late": len(here.due),
    }


def quarters(ends: list[float], began_s: float, took_s: float) -> list[int]:
    """How many requests ended in each quarter of the time."""
    counts = [0] * 4
    for end_s in ends:
        counts[min(3, int(4 * (end_s - began_s) / took_s))] += 1
    return counts


def part(arguments: argparse.Namespace, number: int) -> dict[str, Any]:
    """In a process of its own."""
    return uvloop.run(crowd(arguments, number))


def report(arguments: argparse.Namespace, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """All parts in one."""
    latencies = sorted(each for one in parts for each in one["latencies"])
    statuses: dict[str, int] = {}
    for one in parts:
        for key, count in one["statuses"].items():
            statuses[key] = statuses.get(key, 0) + count
    took_s = statistics.mean(one["took_s"] for one in parts)
    return {
        "model": arguments.model,
        "rows": arguments.rows,
        "rate": arguments.rate,
        "connections": arguments.processes * arguments.connections,
        "pictures_per_s": round(statuses.get("200", 0) * arguments.rows / took_s),
        "quarters_per_s": [
            round(4 * arguments.rows * sum(counts) / took_s)
            for counts in zip(*(one["quarters"] for one in parts), strict=True)
        ],
        "statuses": statuses,
        "p50_ms": _at(latencies, 0.5),
        "p90_ms": _at(latencies, 0.9),
        "p99_ms": _at(latencies, 0.99),
        "max_ms": _at(latencies, 1.0),
        "late": sum(one["late"] for one in parts),
        "words": next((one["words"] for one in parts if one["words"]), ""),
    }


def _at(latencies: list[float], share: float) -> float | None:
    place = min(len(latencies) - 1, int(share * len(latencies)))
    return round(1e3 * latencies[place], 2) if latencies else None


def main() -> None:
    """Run the load and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("--model", default="vit-b16")
    parser.add_argument("--way", choices=("oip", "litserve", "triton", "set"), default="oip")
    parser.add_argument("--outputs", default="RISK", help="of a set: MODEL.RISK,...")
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rows", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.0, help="requests a second; 0: closed loop")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--warm", type=float, default=2.0)
    arguments = parser.parse_args()
    with multiprocessing.get_context("spawn").Pool(arguments.processes) as pool:
        parts = pool.starmap(part, [(arguments, number) for number in range(arguments.processes)])
    print(json.dumps(report(arguments, parts)), flush=True)


if __name__ == "__main__":
    main()

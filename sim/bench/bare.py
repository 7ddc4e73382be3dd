"""What a GPU can do without a server: the figures that a worker on it is held against.

Networks from ready tensors, per batch size, eager and compiled and as CUDA graphs; decoding and resizing
JPEGs; copying. `python -m sim.bench.bare [--json FILE | --quick]`; needs CUDA.
"""

import importlib
import io
import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from workers.bench.networks.residual import resnet50
from workers.bench.networks.vision import vit_b16
from workers.pytorch.nvjpeg import Decoder
from workers.surroundings import settle

SIDE = 224
SIZES = (32, 64, 128, 256)


def timed(run: Callable[[], Any], seconds: float = 0.7) -> float:
    """Seconds a call, after a warm-up."""
    for _ in range(5):
        run()
    torch.cuda.synchronize()
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for _ in range(5):
            run()
        count += 5
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / count


def jpegs(count: int = 256, width: int = 400, height: int = 534) -> list[bytes]:
    """Pictures of smoothed noise, about 23 KB each."""
    chance = np.random.default_rng(7)
    found = []
    for _ in range(count):
        grain = chance.integers(0, 256, (height // 16, width // 16, 3), np.uint8)
        picture = Image.fromarray(grain).resize((width, height), Image.Resampling.BICUBIC)
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=70)
        found.append(stream.getvalue())
    return found


def graphed(net: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> Callable[[], None]:
    """The network as one CUDA graph over `x`."""
    stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    with torch.cuda.stream(stream):
        for _ in range(3):
            net(x)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        net(x)
    return graph.replay


def networks() -> list[dict[str, Any]]:
    """Pictures a second."""
    rows = []
    makers: list[tuple[str, Callable[[], Any]]] = [("resnet50", resnet50), ("vit_b16", vit_b16)]
    try:
        theirs = importlib.import_module("torchvision.models")

        makers += [("torchvision vit_b_16", theirs.vit_b_16), ("torchvision resnet50", theirs.resnet50)]
    except ImportError:
        print("no torchvision")
    for name, maker in makers:
        for dtype in (torch.float16,) if "torchvision" in name else (torch.float16, torch.bfloat16):
            net = maker().eval().cuda().to(dtype)
            if "resnet" in name:
                net = net.to(memory_format=torch.channels_last)
            ways: list[tuple[str, Any]] = [("eager", net)]
            if "torchvision" not in name and dtype is torch.float16:
                ways.append(("compiled", torch.compile(net, dynamic=False)))
            for way, call in ways:
                for size in SIZES if way == "eager" else (128,):
                    x = torch.randn(size, 3, SIDE, SIDE, device="cuda", dtype=dtype)
                    if "resnet" in name:
                        x = x.to(memory_format=torch.channels_last)
                    row: dict[str, Any] = {
                        "network": name,
                        "dtype": str(dtype)[6:],
                        "way": way,
                        "batch": size,
                    }
                    try:
                        row["per_s"] = round(size / timed(partial(call, x)))
                        row["graph_per_s"] = round(size / timed(graphed(call, x)))
                    except RuntimeError as error:
                        row["error"] = str(error)[:200]
                    rows.append(row)
                    print(row, flush=True)
    return rows


def replayed() -> list[dict[str, Any]]:
    """Both networks as a worker runs them: in half precision, batches of 128, as CUDA graphs."""
    rows = []
    for name, maker in (("resnet50", resnet50), ("vit_b16", vit_b16)):
        net: Any = maker().eval().cuda().half()
        x = torch.randn(128, 3, SIDE, SIDE, device="cuda", dtype=torch.float16)
        if name == "resnet50":
            net, x = (each.to(memory_format=torch.channels_last) for each in (net, x))
        rows.append({"network": name, "graph_per_s": round(128 / timed(graphed(net, x), 2.0))})
        print(rows[-1], flush=True)
    return rows


def pictures() -> list[dict[str, Any]]:
    """Decoding on the device, resizing as two matrix products, copying."""
    decode_jpeg = importlib.import_module("torchvision.io").decode_jpeg

    raws = jpegs()
    print("mean bytes of a JPEG", np.mean([len(raw) for raw in raws]))
    tensors = [torch.frombuffer(bytearray(raw), dtype=torch.uint8) for raw in raws]
    rows: list[dict[str, Any]] = []
    for size in (1, 8, 32, 64, 128, 256):
        part = tensors[:size]
        rows.append(
            {
                "step": "decode",
                "batch": size,
                "per_s": round(size / timed(partial(decode_jpeg, part, device="cuda"))),
            }
        )
        print(rows[-1], flush=True)
    decoded = decode_jpeg(tensors[:128], device="cuda")
    print(decoded[0].shape, decoded[0].stride(), decoded[0].dtype)
    wide = torch.rand(128, 3, SIDE, 534, device="cuda", dtype=torch.float16)
    tall = torch.rand(128, 3, 400, SIDE, device="cuda", dtype=torch.float16)

    def resize() -> Any:
        return wide @ (torch.stack(decoded).to(torch.float16) @ tall)

    rows.append({"step": "stack and two products", "batch": 128, "per_s": round(128 / timed(resize))})
    print(rows[-1])
    padded = torch.zeros(128, 3, 534, 400, device="cuda", dtype=torch.uint8)

    def place() -> Any:
        for index, picture in enumerate(decoded):
            padded[index, :, : picture.shape[1], : picture.shape[2]].copy_(picture)

    rows.append({"step": "place one by one", "batch": 128, "per_s": round(128 / timed(place))})
    print(rows[-1])
    host = torch.zeros(128, SIDE, SIDE, 3, dtype=torch.uint8).pin_memory()
    there = torch.zeros(128, SIDE, SIDE, 3, dtype=torch.uint8, device="cuda")
    seconds = timed(lambda: there.copy_(host, non_blocking=True))
    rows.append({"step": "copy pinned uint8", "batch": 128, "per_s": round(128 / seconds)})
    print(rows[-1])
    broken = [*tensors[:3], tensors[3][:2000], torch.zeros(500, dtype=torch.uint8), tensors[4]]
    for what, part in (("cut", broken[:4]), ("zeros", [broken[0], broken[4]]), ("after", broken[5:])):
        try:
            shapes = [tuple(one.shape) for one in decode_jpeg(part, device="cuda")]
            print("broken:", what, "no error", shapes)
        except Exception as error:  # noqa: BLE001 - what it raises is what is asked
            print("broken:", what, type(error).__name__, str(error)[:300])
    return rows


def together() -> list[dict[str, Any]]:
    """Decoding in one thread while another replays a network: what both keep."""
    rows = []
    for name, maker in (("vit_b16", vit_b16), ("resnet50", resnet50)):
        made: Any = maker()
        net = made.eval().cuda().half().to(memory_format=torch.channels_last)
        x = torch.randn(128, 3, SIDE, SIDE, device="cuda", dtype=torch.float16)
        replay = graphed(net, x.to(memory_format=torch.channels_last))
        counts = {"decode": 0, "network": 0}
        until = time.perf_counter() + 4
        thread = threading.Thread(target=decode, args=(until, counts))
        thread.start()
        stream: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):
            while time.perf_counter() < until:
                replay()
                stream.synchronize()
                counts["network"] += 128
        thread.join()
        rows.append({"network": name, **{f"{key}_per_s": round(value / 4) for key, value in counts.items()}})
        print("together", rows[-1], flush=True)
    return rows


def decode(until: float, counts: dict[str, int]) -> None:
    """Decode pictures of one size until then."""
    raws = [torch.frombuffer(bytearray(raw), dtype=torch.uint8) for raw in jpegs(128)]
    sources = [(raw.data_ptr(), raw.numel()) for raw in raws]
    canvas = torch.empty(128, 3, 534, 400, dtype=torch.uint8, device="cuda")
    decoder = Decoder()
    stream: Any = torch.cuda.Stream(priority=-5)  # type: ignore[no-untyped-call]
    while time.perf_counter() < until:
        decoder.decode(sources, canvas.data_ptr(), (534, 400), stream.cuda_stream)
        stream.synchronize()
        counts["decode"] += 128


def main() -> None:
    """Print and write all."""
    settle()
    torch.backends.cudnn.benchmark = True
    print(torch.__version__, torch.cuda.get_device_name())
    with torch.inference_mode():
        if "--quick" in sys.argv:
            replayed()
            return
        found = {"pictures": pictures(), "together": together(), "networks": networks()}
    if "--json" in sys.argv:
        Path(sys.argv[sys.argv.index("--json") + 1]).write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

"""Writes a repository of networks with seeded random weights: `python -m workers.bench.models OUT`.

What a network costs does not depend on what it has learnt, and these need no download. Their answers mean
nothing.
"""

import shutil
from pathlib import Path
from typing import Any

import click
import torch
import yaml

from workers.bench.networks import residual, vision
from workers.bench.picture import sample_picture
from workers.device import Device, shared

SEED = 1125
CLASSES = 1000
NETWORKS: dict[str, Any] = {
    "resnet50": residual.resnet50,
    "vit-b16": vision.vit_b16,
    "resnet26": residual.resnet26,
    "resnet101": residual.resnet101,
    "vit-s16": vision.vit_s16,
    "vit-ti16": vision.vit_ti16,
    "resnet-toy": residual.resnet_toy,
    "vit-toy": vision.vit_toy,
}
TOYS = {"resnet-toy": 64, "vit-toy": 64}
"""Networks small enough for tests, with the side of their pictures."""


def write_model(root: Path, name: str, *, gpu: bool, batch: int = 128, precision: str = "") -> Path:
    """One model's folder: weights, the network's code, a picture, the static and the dynamic part."""
    folder = root / name
    folder.mkdir(parents=True)
    make = NETWORKS[name]
    side = TOYS.get(name, 224)
    classes = 10 if name in TOYS else CLASSES
    torch.manual_seed(SEED)
    network = make(classes)
    settle(network, side)
    torch.save(network.state_dict(), folder / "weights.pt")
    source = residual if make.__module__ == residual.__name__ else vision
    shutil.copy(str(source.__file__), folder / "network.py")
    (folder / "picture.jpg").write_bytes(sample_picture())
    (folder / "model.yaml").write_text(_static(name, make.__name__, classes, side))
    (folder / "deployment.yaml").write_text(_dynamic(gpu=gpu, batch=batch, precision=precision))
    return folder


def settle(network: torch.nn.Module, side: int) -> None:
    """Let the norms see some noise, so that no activation overflows in half precision."""
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(4, 3, side, side))
    network.eval()


def _static(name: str, network: str, classes: int, side: int) -> str:
    document = {
        "name": name,
        "kind": "classification",
        "backend": "pytorch",
        "files": {"model": "weights.pt", "network": "network.py", "picture": "picture.jpg"},
        "inputs": [{"name": "IMAGE", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": "LABEL", "datatype": "BYTES", "shape": [-1]},
            {"name": "SCORES", "datatype": "FP32", "shape": [-1, classes]},
            {"name": "RISK", "datatype": "FP32", "shape": [-1]},
        ],
        "options": {
            "reads": "picture",
            "side": side,
            "classes": [f"class-{number}" for number in range(classes)],
            "risky": ["class-0"],
        },
        "backend_options": {
            "network": network,
            "arguments": {"classes": classes},
            "normalise": True,
            "softmax": True,
            "channels_last": name.startswith("resnet"),
        },
        "sample": {"IMAGE": {"file": "picture"}},
    }
    return yaml.safe_dump(document, sort_keys=False)


def _dynamic(*, gpu: bool, batch: int, precision: str) -> str:
    sizes = [size for size in (1, 8, 32, 64, 128, 256) if size < batch] + [batch]
    document: dict[str, Any] = {"version": "1", "queued_max": 4096}
    if gpu:
        document |= {
            "precision": precision or "fp16",
            "cuda_graphs": True,
            "batching": {
                "max_batch_size": batch,
                "preferred_batch_sizes": sizes,
                "pad_to_preferred": True,
            },
        }
    else:
        document |= {"precision": precision or "fp32", "batching": {"max_batch_size": min(batch, 8)}}
        document |= {"concurrency": 1}
    return yaml.safe_dump(document, sort_keys=False)


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--models", default=",".join(name for name in NETWORKS if name not in TOYS), show_default=True)
@click.option("--gpu/--cpu", default=None, help="How they are deployed.  [default: by what is here]")
@click.option("--batch", default=128, show_default=True, help="max_batch_size on a GPU.")
def main(out: Path, models: str, gpu: bool | None, batch: int) -> None:
    """Write the folder OUT, a repository."""
    for name in models.split(","):
        folder = write_model(out, name, gpu=shared(Device()) if gpu is None else gpu, batch=batch)
        click.echo(str(folder))


if __name__ == "__main__":
    main()

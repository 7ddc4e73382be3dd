"""Residual networks of bottleneck blocks (He et al., CVPR 2016), with the stride in the 3x3 convolution.

Module names are torchvision's, so that its state dicts load.
"""

import torch
from torch import Tensor, nn

EXPANSION = 4


class Bottleneck(nn.Module):
    """1x1 down, 3x3, 1x1 up, beside a shortcut."""

    def __init__(self, channels_in: int, width: int, stride: int) -> None:
        super().__init__()
        channels = width * EXPANSION
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or channels_in != channels:
            shortcut = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Batch x channels x height x width."""
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += shortcut
        out: Tensor = self.relu(y)
        return out


class Residual(nn.Module):
    """Pictures around 0, batch x 3 x side x side, to a score per class."""

    def __init__(self, blocks: tuple[int, int, int, int], classes: int = 1000, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for number, count in enumerate(blocks, 1):
            wide = width * 2 ** (number - 1)
            layer = [Bottleneck(channels, wide, 1 if number == 1 else 2)]
            channels = wide * EXPANSION
            layer += [Bottleneck(channels, wide, 1) for _ in range(count - 1)]
            self.add_module(f"layer{number}", nn.Sequential(*layer))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores before the softmax."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        scores: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return scores


def resnet50(classes: int = 1000) -> Residual:
    """25.6 million parameters, 4.1 billion multiplications a picture of 224 x 224."""
    return Residual((3, 4, 6, 3), classes)


def resnet101(classes: int = 1000) -> Residual:
    """44.5 million parameters, 7.8 billion multiplications."""
    return Residual((3, 4, 23, 3), classes)


def resnet26(classes: int = 1000) -> Residual:
    """16 million parameters, 2.4 billion multiplications."""
    return Residual((2, 2, 2, 2), classes)


def resnet_toy(classes: int = 10) -> Residual:
    """Small enough for tests."""
    return Residual((1, 1, 1, 1), classes, width=8)

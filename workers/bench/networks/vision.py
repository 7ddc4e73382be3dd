"""Vision transformers (Dosovitskiy et al., ICLR 2021): patches as tokens, a class token, encoder blocks."""

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Block(nn.Module):
    """Attention, then two dense layers, each behind a norm and beside a shortcut."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.dense = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Batch x tokens x width."""
        batch, tokens, width = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = scaled_dot_product_attention(q, k, v)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))
        out: Tensor = x + self.dense(self.norm2(x))
        return out


class Vision(nn.Module):
    """Pictures around 0, batch x 3 x side x side, to a score per class."""

    def __init__(
        self, width: int, depth: int, heads: int, classes: int = 1000, side: int = 224, patch: int = 16
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, (side // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Scores before the softmax."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.first.expand(len(x), -1, -1), tokens), 1) + self.places
        scores: Tensor = self.head(self.norm(self.blocks(tokens))[:, 0])
        return scores


def vit_b16(classes: int = 1000) -> Vision:
    """86 million parameters, 17.6 billion multiplications a picture of 224 x 224."""
    return Vision(768, 12, 12, classes)


def vit_s16(classes: int = 1000) -> Vision:
    """22 million parameters, 4.6 billion multiplications."""
    return Vision(384, 12, 6, classes)


def vit_ti16(classes: int = 1000) -> Vision:
    """5.7 million parameters, 1.3 billion multiplications."""
    return Vision(192, 12, 3, classes)


def vit_toy(classes: int = 10) -> Vision:
    """Small enough for tests; pictures of 64 x 64."""
    return Vision(32, 2, 2, classes, side=64)

"""The published ConvNeXt of the study `rff_celeba`: 206.6 million parameters, total stride 64.

It differs from the ConvNeXt of Liu et al. 2022 (https://arxiv.org/abs/2201.03545): a BatchNorm stem, GroupNorm with one
group in place of LayerNorm, and a stride-2 convolution before *every* stage, the first one too.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.ops import StochasticDepth

STEM_WIDTH = 64
EXPANSION = 4
LAYER_SCALE = 1e-6


class Block(nn.Module):
    """Depthwise 7x7, norm, expand 4x, GELU, project back; scaled and added to the input. (b, c, h, w) -> same."""

    def __init__(self, width: int, drop_path: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width, bias=False),
            nn.GroupNorm(1, width),
            nn.Conv2d(width, EXPANSION * width, kernel_size=1),
            nn.GELU(),
            nn.Conv2d(EXPANSION * width, width, kernel_size=1),
        )
        self.scale = nn.Parameter(torch.full((width, 1, 1), LAYER_SCALE))
        self.drop_path = StochasticDepth(drop_path, mode="batch")

    def forward(self, x: Tensor) -> Tensor:
        return x + self.drop_path(self.scale * self.body(x))


def _stage(inputs: int, width: int, depth: int, drop_path: float) -> nn.Sequential:
    """Norm and a stride-2 convolution to `width`, then `depth` blocks: (b, inputs, h, w) -> (b, width, h/2, w/2)."""
    return nn.Sequential(
        nn.GroupNorm(1, inputs),
        nn.Conv2d(inputs, width, kernel_size=2, stride=2),
        *(Block(width, drop_path) for _ in range(depth)),
    )


class ConvNeXtThesis(nn.Module):
    """(b, 3, h, w) with h, w >= 64 -> logits (b, classes)."""

    def __init__(
        self,
        classes: int = 2,
        depths: tuple[int, ...] = (3, 4, 6, 4),
        widths: tuple[int, ...] = (256, 512, 1024, 2048),
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        inputs = (STEM_WIDTH, *widths[:-1])
        self.stem = nn.Sequential(nn.Conv2d(3, STEM_WIDTH, kernel_size=4, stride=4), nn.BatchNorm2d(STEM_WIDTH))
        self.stages = nn.Sequential(
            *(_stage(*shape, drop_path) for shape in zip(inputs, widths, depths, strict=True)),
        )
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(widths[-1]), nn.Linear(widths[-1], classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.stages(self.stem(x)))

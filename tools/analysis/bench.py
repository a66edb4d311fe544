"""What the comparisons of speed share: sizes, models, batches."""

import argparse

import torch
from mmengine.structures import BaseDataElement

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd.apis.devices import autocast
from mmvd.models.backbones.maps import to_stride
from mmvd.models.backbones.vd_vit import VDViT
from mmvd.registry import MODELS

from .timing import Comparison, compare

PRESETS = {  # architecture, input side, batch, decoder widths
    'tiny': (dict(embed_dims=96, depth=4, num_heads=4), 56, 2, (16, 16, 8, 8)),
    'small': ('small', 224, 4, (128, 64, 32, 16)),
    'base': ('base', 224, 128, (256, 128, 64, 32)),
}


class Bench:
    """What all comparisons share."""

    def __init__(self, args: argparse.Namespace, device: torch.device):
        self.device, self.repeats, self.workers = device, args.repeats, args.workers
        self.arch, self.side, batch, self.widths = PRESETS[args.preset]
        self.batch = args.batch or batch
        self.dtype = getattr(torch, args.dtype)
        generator = torch.Generator().manual_seed(0)
        self.depth = (torch.rand(self.batch, 1, self.side, self.side, generator=generator) * 5 + 0.5).to(self.device)
        self.note = f'{args.preset} batch {self.batch} at {self.side} px'

    def autocast(self):
        """Context of the chosen type."""
        return autocast(self.device, self.dtype)

    def compare(self, name: str, a: tuple, b: tuple) -> Comparison:
        """Two functions with their labels, in turns."""
        return compare(name, a, b, self.device, self.repeats, self.note)

    def cells(self, dims: int, count: int) -> list[torch.Tensor]:
        """Four maps as an encoder has them, a value per patch of 14 px."""
        side = self.side // 14
        return [torch.randn(count, dims, side, side, device=self.device) for _ in range(4)]

    def decode(self, head: torch.nn.Module, cells: list[torch.Tensor]) -> torch.Tensor:
        """What a decoder makes of them at the finest scale; the encoder resizes in between."""
        size = (self.side, self.side)
        projected = (head.project(level, each) for level, each in enumerate(cells))
        return head([to_stride(x, 14, s, size) for x, s in zip(projected, (2, 4, 8, 16), strict=True)], size)[-1]

    def completer(self, frozen: str = 'rgb', densities: list | None = None) -> torch.nn.Module:
        """A complete model."""
        backbone = dict(type='mmvd.VDViT', arch=self.arch, frozen=frozen, strides=(2, 4, 8, 16))
        dims = VDViT(self.arch, out='rgb').embed_dims if isinstance(self.arch, str) else self.arch['embed_dims']
        head = dict(
            type='mmvd.DepthCompletionHead', in_channels=dims, channels=self.widths, skip_channels=min(64, dims)
        )
        return MODELS.build(
            dict(
                type='mmvd.DepthCompleter',
                backbone=backbone,
                head=head,
                data_preprocessor=dict(type='mmvd.RGBDDataPreprocessor', random_depth=dict(), random_density=dict()),
                test_cfg=dict(kept_densities=densities) if densities else None,
            )
        ).to(self.device)

    def batch_of_samples(self) -> dict:
        """A batch as it comes from a loader."""
        return dict(
            inputs=list(torch.randint(0, 256, (self.batch, 3, self.side, self.side), dtype=torch.uint8)),
            depth=list(self.depth.cpu()),
            data_samples=[BaseDataElement(metainfo=dict(sample_key=i)) for i in range(self.batch)],
        )

    def train_step(self, model: torch.nn.Module):
        """A function that takes one optimizer step."""
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-5)
        batch = self.batch_of_samples()

        def step():
            with self.autocast():
                loss = model(**model.data_preprocessor(batch, True), mode='loss')['loss_depth']
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

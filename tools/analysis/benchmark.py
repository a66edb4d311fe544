#!/usr/bin/env python3
"""Speed and memory as comparisons of two things in one run: medians, ratios, CSV.

Shared machines are noisy, ratios less so.
"""

import argparse
import copy
import statistics
import time
from contextlib import nullcontext

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement
from torch.utils.data import DataLoader

import mmvd  # noqa: F401  first: it arms safe loading
from mmvd import ops
from mmvd.apis.timing import Comparison, compare, time_ms, write_csv
from mmvd.engine import EpochSampler
from mmvd.models.backbones.vd_vit import VDViT
from mmvd.models.backbones.vit_stream import ViTStream
from mmvd.registry import DATASETS, MODELS

PRESETS = {  # architecture, input side, batch, decoder widths
    'tiny': (dict(embed_dims=96, depth=4, num_heads=4), 56, 2, (16, 16, 8, 8)),
    'small': ('small', 224, 4, (128, 64, 32, 16)),
    'base': ('base', 224, 128, (256, 128, 64, 32)),
}
DENSITIES = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99]


class Bench:
    """What all comparisons share."""

    def __init__(self, args: argparse.Namespace):
        self.device, self.repeats, self.workers = torch.device(args.device), args.repeats, args.workers
        self.arch, self.side, batch, self.widths = PRESETS[args.preset]
        self.batch = args.batch or batch
        self.dtype = getattr(torch, args.dtype)
        generator = torch.Generator().manual_seed(0)
        self.depth = (torch.rand(self.batch, 1, self.side, self.side, generator=generator) * 5 + 0.5).to(self.device)
        self.note = f'{args.preset} batch {self.batch} at {self.side} px'

    def autocast(self):
        """Context of the chosen type."""
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(self.device.type, self.dtype)

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


def pde(bench: Bench) -> list[Comparison]:
    """Encoding of a batch against a loop over channels."""

    def loop():
        waves = ops.depth_wavelengths(32).tolist()
        channels = []
        for wave in waves:
            phase = bench.depth * (2 * torch.pi / wave)
            channels += [phase.sin(), phase.cos()]
        return torch.cat(channels, 1)

    return [
        compare(
            'pde',
            ('batched', lambda: ops.positional_depth_encoding(bench.depth)),
            ('loop over channels', loop),
            bench.device,
            bench.repeats,
            bench.note,
        )
    ]


def perlin(bench: Bench) -> list[Comparison]:
    """Noise of a batch against the package perlin-numpy, sample by sample."""
    from perlin_numpy import generate_perlin_noise_2d

    seeds, side = torch.arange(bench.batch, device=bench.device), bench.side // 8 * 8
    cells = torch.full((bench.batch, 2), 8, device=bench.device)
    return [
        compare(
            'perlin',
            ('batched', lambda: ops.perlin_noise((bench.batch, side, side), seeds, cells)),
            (
                'perlin-numpy per sample',
                lambda: [generate_perlin_noise_2d((side, side), (8, 8)) for _ in range(bench.batch)],
            ),
            bench.device,
            bench.repeats,
            bench.note,
        )
    ]


def loader(bench: Bench) -> list[Comparison]:
    """Samples per second of the loader with randomisation and encoding on the device against in the pipeline."""
    geometry = [dict(type='mmvd.RGBDRandomResizedCrop', size=bench.side), dict(type='mmvd.RGBDRandomFlip')]
    pipeline_side = [
        dict(type='mmvd.RandomDepth'),
        dict(type='mmvd.RandomDensityMask'),
        dict(type='mmvd.PositionalDepthEncoding'),
    ]
    pack, rates = [dict(type='mmvd.PackRGBDInputs')], [[], []]
    rooms = dict(type='mmvd.SyntheticRooms', length=16, size=(bench.side, bench.side), cache=True)
    loaders = []
    for extra in ([], pipeline_side):
        data = DATASETS.build(
            dict(
                type='mmvd.EvenMixture',
                datasets=dict(rooms=rooms),
                samples_per_epoch=64,
                pipeline=geometry + extra + pack,
            )
        )
        for index in range(16):
            data.datasets[0].render(
                index
            )  # before the workers fork: it is the loader that is measured, not the ray casting
        loaders.append(
            DataLoader(
                data, 8, sampler=EpochSampler(data, seed=0), num_workers=bench.workers, collate_fn=pseudo_collate
            )
        )
    for _ in range(bench.repeats):
        for rate, stream in zip(rates, loaders, strict=True):
            start = time.perf_counter()
            count = sum(len(batch['inputs']) for batch in stream)
            rate.append(count / (time.perf_counter() - start))
    return [
        Comparison(
            'loader',
            'random depth, density and encoding on the device',
            'in the pipeline',
            *map(statistics.median, rates),
            bench.repeats,
            'samples/s',
            f'{bench.workers} workers, {bench.side} px, rooms from memory',
        )
    ]


def frozen(bench: Bench) -> list[Comparison]:
    """Training step with frozen RGB against everything trained; on a GPU also peak memory."""
    models = [bench.completer('rgb').train(), bench.completer('none').train()]
    steps = [bench.train_step(model) for model in models]
    rows = [
        compare(
            'step',
            ('frozen RGB under no_grad', steps[0]),
            ('all trained', steps[1]),
            bench.device,
            bench.repeats,
            bench.note,
        )
    ]
    if bench.device.type == 'cuda':
        peaks = []
        for step in steps:
            torch.cuda.reset_peak_memory_stats()
            step()
            peaks.append(torch.cuda.max_memory_allocated() / 2**30)
        rows.append(Comparison('peak memory', 'frozen RGB under no_grad', 'all trained', *peaks, 1, 'GiB', bench.note))
    return rows


def forward(bench: Bench) -> list[Comparison]:
    """Forward pass of VDViT against its two ViTs run bare (goal: at most 1.10)."""
    model = VDViT(bench.arch, frozen='all').to(bench.device)
    inputs = torch.cat((torch.randn(bench.batch, 3, bench.side, bench.side, device=bench.device), bench.depth), 1)
    encoded = ops.positional_depth_encoding(bench.depth)

    @torch.no_grad()
    def bare():
        with bench.autocast():
            for stream, x in ((model.rgb_stream, inputs[:, :3]), (model.depth_stream, encoded)):
                tokens, _ = stream.embed(x)
                for block in stream.blocks:
                    tokens = block(tokens)

    @torch.no_grad()
    def full():
        with bench.autocast():
            model(inputs)

    return [compare('forward', ('VDViT', full), ('two bare ViTs', bare), bench.device, bench.repeats, bench.note)]


def decoder(bench: Bench) -> list[Comparison]:
    """Decoder, forward and backward, in channels-last order, as the encoder's maps come, against the usual one."""
    head = bench.completer().head.train()
    features = [
        torch.randn(bench.batch, head.skips[0].in_channels, bench.side // s, bench.side // s, device=bench.device)
        for s in (2, 4, 8, 16)
    ]
    first = copy.deepcopy(head).to(memory_format=torch.contiguous_format)
    moved = [feature.to(memory_format=torch.channels_last) for feature in features]

    def run(model, maps):
        with bench.autocast():
            model(maps, (bench.side, bench.side))[-1].sum().backward()

    return [
        compare(
            'decoder',
            ('channels last', lambda: run(head, moved)),
            ('channels first', lambda: run(first, features)),
            bench.device,
            bench.repeats,
            bench.note,
        )
    ]


def compiled(bench: Bench) -> list[Comparison]:
    """Training step with compiled transformer blocks (``--compile``) against eager ones; the warm-up call compiles."""
    models = [bench.completer().train(), bench.completer().train()]
    models[0].backbone.compile_blocks()
    return [
        compare(
            'compile',
            *((name, bench.train_step(model)) for name, model in zip(('compiled', 'eager'), models, strict=True)),
            bench.device,
            bench.repeats,
            bench.note,
        )
    ]


def sweep(bench: Bench) -> list[Comparison]:
    """Nine densities with shared RGB features against nine runs."""
    model = bench.completer(densities=DENSITIES).eval()
    batch = model.data_preprocessor(bench.batch_of_samples())
    single = bench.completer(densities=DENSITIES[:1]).eval()

    @torch.no_grad()
    def shared():
        with bench.autocast():
            model(**batch, mode='predict')

    @torch.no_grad()
    def separate():
        with bench.autocast():
            for _ in DENSITIES:
                single(**batch, mode='predict')

    return [
        compare(
            'density sweep',
            ('RGB features shared', shared),
            ('nine runs', separate),
            bench.device,
            bench.repeats,
            bench.note,
        )
    ]


def stream_macs(stream: ViTStream, side: int) -> int:
    """Multiplications of one pass of an image through a plain ViT.

    12 D^2 per token and 2 N^2 D per block, C p^2 D per patch.
    """
    projection, layers = stream.patch_embed.proj, len(stream.blocks)
    dims, patches = projection.out_channels, (side // projection.kernel_size[0]) ** 2
    tokens = patches + 1
    return layers * (12 * dims**2 * tokens + 2 * tokens**2 * dims) + projection.weight.numel() * patches


def flops(bench: Bench) -> list[Comparison]:
    """Training step against the time its multiplications would take at the matrix rate of this device.

    The encoder by formula (RGB forward once, depth stream forward and twice that backward), because torch's counter
    knows attention on some devices only; the decoder by the counter.
    """
    from torch.utils.flop_counter import FlopCounterMode

    model = bench.completer('rgb').train()
    step, backbone = bench.train_step(model), model.backbone
    features = [
        torch.randn(1, model.head.skips[0].in_channels, bench.side // s, bench.side // s, device=bench.device)
        for s in (2, 4, 8, 16)
    ]
    with FlopCounterMode(display=False) as counter:
        model.head(features, (bench.side, bench.side))[-1].sum().backward()
    encoder = 2 * (stream_macs(backbone.rgb_stream, bench.side) + 3 * stream_macs(backbone.depth_stream, bench.side))
    count, n = bench.batch * (encoder + counter.get_total_flops()), 1024 if bench.device.type == 'cpu' else 8192
    matrices = [torch.randn(n, n, device=bench.device, dtype=bench.dtype) for _ in range(2)]
    rates, times = [], []
    for _ in range(bench.repeats + 1):
        rates.append(2 * n**3 / time_ms(lambda: matrices[0] @ matrices[1], bench.device))
        times.append(time_ms(step, bench.device))
    rate = statistics.median(rates[1:])
    return [
        Comparison(
            'flops',
            'ideal step at the measured matrix rate',
            'measured step',
            count / rate,
            statistics.median(times[1:]),
            bench.repeats,
            note=f'{bench.note}; {count / 1e9:.1f} GFLOP; matrix rate {rate / 1e9:.3f} TFLOP/s, {n}x{n}',
        )
    ]


BENCHMARKS = dict(
    pde=pde,
    perlin=perlin,
    loader=loader,
    frozen=frozen,
    forward=forward,
    decoder=decoder,
    compiled=compiled,
    sweep=sweep,
    flops=flops,
)


def main() -> None:
    """Parse the command line, run the comparisons, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', nargs='+', choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument('--preset', choices=PRESETS, default='small')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--dtype', choices=('float32', 'bfloat16'), default='float32')
    parser.add_argument('--batch', type=int)
    parser.add_argument('--repeats', type=int, default=5)
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--out', default='work_dirs/benchmark.csv')
    args = parser.parse_args()
    if args.repeats < 1 or (args.device.startswith('cuda') and not torch.cuda.is_available()):
        parser.error('--repeats must be at least 1, and --device cuda needs a GPU that torch sees')
    np.random.seed(0)
    torch.manual_seed(0)
    bench, rows = Bench(args), []
    for name in args.only:
        for row in BENCHMARKS[name](bench):
            rows.append(row)
            print(row, flush=True)
        write_csv(args.out, rows, bench.device, args.dtype)


if __name__ == '__main__':
    main()

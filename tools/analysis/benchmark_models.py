"""Speed of whole models: steps, passes, sweeps."""

import copy
import statistics

import torch

from mmvd import ops
from mmvd.models.backbones.vd_vit import VDViT
from mmvd.models.backbones.vit_stream import ViTStream

from .bench import Bench
from .timing import Comparison, peak_gib, time_ms

DENSITIES = [0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.99]


def frozen(bench: Bench) -> list[Comparison]:
    """Training step with frozen RGB against everything trained; on a GPU also peak memory, both models at hand."""
    models = [bench.completer('rgb').train(), bench.completer('none').train()]
    steps = [bench.train_step(model) for model in models]
    rows = [bench.compare('step', ('frozen RGB under no_grad', steps[0]), ('all trained', steps[1]))]
    if bench.device.type == 'cuda':
        peaks = [peak_gib(step, bench.device) for step in steps]
        note = f'{bench.note}; both at hand'
        rows.append(Comparison('peak memory', 'frozen RGB under no_grad', 'all trained', *peaks, 1, 'GiB', note))
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

    return [bench.compare('forward', ('VDViT', full), ('two bare ViTs', bare))]


def decoder(bench: Bench) -> list[Comparison]:
    """Decoder, forward and backward, in channels-last order, as the encoder's maps come, against the usual one."""
    head = bench.completer().head.train()
    cells = bench.cells(head.skips[0].in_channels, bench.batch)
    first = copy.deepcopy(head).to(memory_format=torch.contiguous_format)
    moved = [each.to(memory_format=torch.channels_last) for each in cells]

    def run(model, maps):
        with bench.autocast():
            bench.decode(model, maps).sum().backward()

    return [
        bench.compare(
            'decoder',
            ('channels last', lambda: run(head, moved)),
            ('channels first', lambda: run(first, cells)),
        )
    ]


def compiled(bench: Bench) -> list[Comparison]:
    """Training step with compiled transformer blocks (``--compile``) against eager ones; the warm-up call compiles."""
    models = [bench.completer().train(), bench.completer().train()]
    models[0].backbone.compile_blocks()
    return [
        bench.compare(
            'compile',
            *((name, bench.train_step(model)) for name, model in zip(('compiled', 'eager'), models, strict=True)),
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
        bench.compare(
            'density sweep',
            ('RGB features shared', shared),
            ('nine runs', separate),
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
    """Training step, eager and compiled, against the time its multiplications take at the matrix rate of this device.

    The encoder by formula (RGB forward once, depth stream forward and twice that backward), because torch's counter
    knows attention on some devices only; the decoder by the counter.
    """
    from torch.utils.flop_counter import FlopCounterMode

    models = [bench.completer('rgb').train() for _ in range(2)]
    models[1].backbone.compile_blocks()
    backbone, head = models[0].backbone, models[0].head
    cells = bench.cells(head.skips[0].in_channels, 1)
    with FlopCounterMode(display=False) as counter:
        bench.decode(head, cells).sum().backward()
    encoder = 2 * (stream_macs(backbone.rgb_stream, bench.side) + 3 * stream_macs(backbone.depth_stream, bench.side))
    count, n = bench.batch * (encoder + counter.get_total_flops()), 1024 if bench.device.type == 'cpu' else 8192
    matrices = [torch.randn(n, n, device=bench.device, dtype=bench.dtype) for _ in range(2)]
    steps, rates, times = [bench.train_step(model) for model in models], [], [[], []]
    for _ in range(bench.repeats + 1):
        rates.append(2 * n**3 / time_ms(lambda: matrices[0] @ matrices[1], bench.device))
        for found, step in zip(times, steps, strict=True):
            found.append(time_ms(step, bench.device))
    rate = statistics.median(rates[1:])
    return [
        Comparison(
            'flops',
            'ideal step at the measured matrix rate',
            name,
            count / rate,
            statistics.median(found[1:]),
            bench.repeats,
            note=f'{bench.note}; {count / 1e9:.1f} GFLOP; matrix rate {rate / 1e9:.3f} TFLOP/s, {n}x{n}',
        )
        for name, found in zip(('measured step', 'measured step, blocks compiled'), times, strict=True)
    ]

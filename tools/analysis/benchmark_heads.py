#!/usr/bin/env python3
"""Downstream heads as comparisons of two things in one run.

Frozen against trained encoder, 84 grouped probes against one and against modules, pose against the bare encoder,
deformable attention level by level against all levels at once.
"""

import argparse
import ast
import inspect
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.registry import DATASETS
from mmengine.structures import BaseDataElement, InstanceData
from torch import nn

import mmvd  # noqa: F401  first: it arms safe loading and the operator stand-ins
from mmvd.apis.configs import read_config
from mmvd.apis.devices import find_device
from mmvd.arguments import check_int
from mmvd.compat.deformable_attention import multi_scale_deformable_attn_pytorch
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import exit_code
from mmvd.models import LinearProbeHead, VDViT
from mmvd.registry import MODELS
from mmvd.saving import check_file

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.analysis.tables import write_comparisons  # noqa: E402
from tools.analysis.timing import Comparison, compare, peak_gib, whole  # noqa: E402

CONFIGS = Path(__file__).parents[2] / 'configs'
GRID = read_config(CONFIGS / '_base_/models/linear84_vd_dinov2_base.py')
RATES, DROPOUTS = GRID.learning_rates, GRID.dropouts


class Modules(nn.Module):
    """The same probes as a list of layers, each with its own dropout: what the grouped head replaces."""

    def __init__(self, num_classes: int, in_channels: int):
        super().__init__()
        self.settings = [(rate, dropout) for dropout in DROPOUTS for rate in RATES]
        self.heads = nn.ModuleList(nn.Linear(in_channels, num_classes) for _ in self.settings)

    def loss(self, feats: tuple, samples: list) -> dict:
        """Sum of the losses."""
        labels = torch.cat([sample.gt_label for sample in samples])
        losses = [
            rate * F.cross_entropy(head(F.dropout(feats[-1], dropout)), labels)
            for head, (rate, dropout) in zip(self.heads, self.settings, strict=True)
        ]
        return dict(loss=torch.stack(losses).sum())


def stepper(encode: Callable[[], torch.Tensor], head: nn.Module, samples: list) -> Callable[[], None]:
    """A function that takes one step of a head on the features that ``encode`` computes."""
    optimizer = torch.optim.SGD(head.parameters(), lr=1.0, momentum=0.9)

    def step() -> None:
        head.loss((encode(),), samples)['loss'].backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def probes(args: argparse.Namespace, device: torch.device) -> list[Comparison]:
    """84 grouped probes against one probe and against 84 modules, with the frozen encoder in the step and without."""
    encoder = VDViT(args.arch, frozen='all', out='rgb+fused', out_type='cls_token').to(device)
    inputs = torch.cat((torch.randn(args.batch, 3, 224, 224), torch.rand(args.batch, 1, 224, 224) * 5), 1).to(device)
    features, rows = encoder(inputs)[-1], []
    width = features.shape[1]
    for classes in args.classes:
        samples = [
            BaseDataElement(metainfo=dict(sample_key=i), gt_label=torch.tensor([i % classes], device=device))
            for i in range(args.batch)
        ]
        heads = {
            '84 grouped probes': LinearProbeHead(classes, width, RATES, DROPOUTS),
            'one probe': LinearProbeHead(classes, width, [0.1], [0.1]),
            '84 modules': Modules(classes, width),
        }
        for what, encode in (
            ('step with frozen encoder', lambda: encoder(inputs)[-1]),
            ('step of the heads alone', lambda: features),
        ):
            steps = {name: stepper(encode, head.to(device).train(), samples) for name, head in heads.items()}
            for other in ('one probe', '84 modules'):
                rows.append(
                    compare(
                        f'{what}, {classes} classes',
                        ('84 grouped probes', steps['84 grouped probes']),
                        (other, steps[other]),
                        device,
                        args.repeats,
                        f'{args.arch}, batch {args.batch} at 224 px',
                    )
                )
    return rows


def saved_mib(function: Callable[[], torch.Tensor]) -> float:
    """MiB of tensors that autograd keeps for the backward pass; storage shared by several counts once."""
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        result = function()
        total = sum(kept.values())
    del result
    return total / 2**20


def segmentation(args: argparse.Namespace, device: torch.device) -> list[Comparison]:
    """Step time and activation memory of a segmentor with frozen encoder against one that trains it."""
    config = read_config(CONFIGS / 'seg/m2f_vd_rooms.py')
    data = DATASETS.build(config.train_dataloader.dataset)
    samples = [data[KeyedIndex(i, 0, 0)] for i in range(4)]
    batch = {key: [sample[key] for sample in samples] for key in samples[0]}
    steps, losses = [], []
    for frozen in ('all', 'none'):
        config.model.backbone.update(frozen=frozen, init_cfg=None, out_type='featmap')
        model = MODELS.build(config.model).to(device).train()
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-4)

        def loss(model=model) -> torch.Tensor:
            return model.parse_losses(model(**model.data_preprocessor(batch, True), mode='loss'))[0]

        def step(loss=loss, optimizer=optimizer) -> None:
            loss().backward()
            optimizer.step()
            optimizer.zero_grad()

        steps.append(step)
        losses.append(loss)
    labels, note = ('encoder frozen', 'encoder trained'), 'm2f_vd_rooms, batch 4 at 112 px'
    rows = [compare('segmentation step', (labels[0], steps[0]), (labels[1], steps[1]), device, args.repeats, note)]
    rows.append(Comparison('segmentation activations', *labels, *map(saved_mib, losses), 1, 'MiB', note))
    return rows


@torch.no_grad()
def pose(args: argparse.Namespace, device: torch.device) -> list[Comparison]:
    """Time for one image with five boxes, of the full head on the encoder of ``--arch``, beside the bare encoder's."""
    from mmdet.structures import DetDataSample

    config = read_config(CONFIGS / 'pose/poet_vd_ycbv.py')
    config.model.backbone.update(arch=args.arch, init_cfg=None)
    width = dict(small=384, base=768, large=1024)[args.arch]
    config.model.head.in_channels = [2 * width] * 4
    model = MODELS.build(config.model).to(device).eval()
    boxes = torch.tensor([[60.0, 50, 200, 180]], device=device).repeat(5, 1)
    labels = torch.arange(5, device=device)
    sample = DetDataSample(metainfo=dict(img_shape=(490, 644), batch_input_shape=(490, 644)))
    sample.proposals = InstanceData(bboxes=boxes, labels=labels, scores=torch.ones(5, device=device))
    inputs = torch.cat((torch.randn(1, 3, 490, 644), torch.rand(1, 1, 490, 644) * 5), 1).to(device)
    whole = ('estimator', lambda: model(inputs, [sample], mode='predict'))
    note = f'{args.arch}, one image of 490x644, five boxes'
    return [compare('pose', whole, ('bare encoder', lambda: model.backbone(inputs)), device, args.repeats, note)]


def attention_of_mmcv() -> Callable[..., torch.Tensor]:
    """The function that mmvd replaces, from the text of its module, which holds ours."""
    from mmcv.ops import multi_scale_deform_attn as module

    name = multi_scale_deformable_attn_pytorch.__name__
    (function,) = (node for node in ast.parse(inspect.getsource(module)).body if getattr(node, 'name', '') == name)
    names = dict(torch=torch, F=F)
    exec(compile(ast.Module([function], []), module.__file__, 'exec'), names)
    return names[name]


def attention(args: argparse.Namespace, device: torch.device) -> list[Comparison]:
    """Deformable attention of PoET's encoder against mmcv's own function; on a GPU memory, too."""
    shapes, generator = torch.tensor([[35, 46]] * 4, device=device), torch.Generator().manual_seed(0)
    pixels, heads, points = 4 * 35 * 46, 8, 4
    sizes = ((pixels, heads, 32), (pixels, heads, 4, points, 2), (pixels, heads, 4, points))
    value, locations, weights = (
        torch.rand(args.batch, *size, generator=generator).to(device).requires_grad_() for size in sizes
    )
    functions = {'level by level': multi_scale_deformable_attn_pytorch, "mmcv's": attention_of_mmcv()}
    passes, steps = {}, {}
    for name, function in functions.items():
        passes[name] = torch.no_grad()(lambda function=function: function(value, shapes, locations, weights))
        steps[name] = lambda function=function: function(value, shapes, locations, weights).sum().backward()
    note = f'{heads} heads of 32, {points} points on each of 4 levels of 35x46, batch {args.batch}'
    what = 'deformable attention'
    rows = [compare(f'{what}, forward', *passes.items(), device, args.repeats, note)]
    rows.append(compare(f'{what}, forward and back', *steps.items(), device, args.repeats, note))
    if device.type == 'cuda':
        peaks = [peak_gib(step, device) for step in steps.values()]
        rows.append(Comparison(f'memory of {what}', *functions, *peaks, 1, 'GiB', note))
    return rows


KINDS = dict(probes=probes, segmentation=segmentation, pose=pose, attention=attention)


def main() -> int:
    """Parse the command line and compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--only', nargs='+', choices=tuple(KINDS), default=list(KINDS))
    parser.add_argument('--arch', choices=('small', 'base', 'large'), default='small')
    parser.add_argument('--batch', type=whole(1), default=16)
    parser.add_argument('--classes', nargs='+', type=int, default=[19], help='numbers of classes; ImageNet has 1000')
    parser.add_argument('--device', help='cpu or cuda; without it a GPU if there is one')
    parser.add_argument('--repeats', type=whole(1), default=5)
    parser.add_argument('--out', default='work_dirs/benchmark_heads.csv')
    args = parser.parse_args()
    return exit_code(lambda: run(args))


def run(args: argparse.Namespace) -> None:
    """Run the comparisons, write the table."""
    check_int('benchmark_heads', '--repeats', args.repeats)
    device = find_device(args.device)
    check_file(Path(args.out))
    torch.manual_seed(0)
    write_comparisons(args.out, (KINDS[name](args, device) for name in args.only), device, dtype='float32')


if __name__ == '__main__':
    sys.exit(main())

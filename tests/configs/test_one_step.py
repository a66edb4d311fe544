"""Every shipped config takes one real step, with its own optimizer, at a small size."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData, PixelData

from mmvd.registry import MODELS
from tests.configs.test_configs import CONFIGS
from tests.conftest import ROOT, raw_batch

KINDS = dict(vd='head', seg='decode_head', cls='head', det='panoptic_head')
SIZE = 56
_ENCODER = dict(arch=dict(embed_dims=32, depth=4, num_heads=2), img_size=SIZE, init_cfg=dict(type='Random'))


def types(node) -> list[str]:
    """All types in the settings of a model, in order."""
    if isinstance(node, dict):
        return ([node['type']] if 'type' in node else []) + [
            name for key in sorted(node) if key != 'init_cfg' for name in types(node[key])
        ]
    return [name for item in node for name in types(item)] if isinstance(node, (list, tuple)) else []


def shrink(config: Config, kind: str) -> dict:
    """The model at a small size: numbers change, no type does."""
    model, before = config.model, types(config.model)
    model.backbone.update(_ENCODER)
    width = 64 if model.backbone.get('out') == 'rgb+fused' else 32
    if kind == 'vd':
        model.head.update(in_channels=32, channels=(16, 12, 8, 8))
    elif kind == 'cls':
        model.head.in_channels = width * model.backbone.get('last_blocks', 1)
    elif kind == 'det':
        model.panoptic_head.in_channels = [width] * 4
    else:
        small, classes = (
            Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py').model.decode_head,
            model.decode_head.num_classes,
        )
        small.update(in_channels=[width] * 4, num_classes=classes)
        small.loss_cls.class_weight = model.decode_head.loss_cls.class_weight
        model.decode_head, model.data_preprocessor.size = small, (SIZE, SIZE)
    model.backbone.init_cfg = None
    assert types(model) == before
    return model


def batch(kind: str) -> dict:
    """Two samples as the host of that kind packs them."""
    data = raw_batch(2, SIZE, SIZE)
    if kind == 'seg':
        from mmseg.structures import SegDataSample

        data['data_samples'] = [
            SegDataSample(
                gt_sem_seg=PixelData(data=torch.randint(0, 5, (1, SIZE, SIZE))),
                metainfo=dict(img_shape=(SIZE, SIZE), sample_key=i),
            )
            for i in range(2)
        ]
    elif kind == 'cls':
        from mmpretrain.structures import DataSample

        data['data_samples'] = [DataSample(metainfo=dict(sample_key=i)).set_gt_label(i) for i in range(2)]
    elif kind == 'det':
        from mmdet.structures import DetDataSample
        from mmdet.structures.mask import BitmapMasks

        mask = torch.zeros(1, SIZE, SIZE, dtype=torch.uint8)
        mask[:, 10:30, 10:30] = 1
        found = InstanceData(
            bboxes=torch.tensor([[10.0, 10, 30, 30]]),
            labels=torch.tensor([3]),
            masks=BitmapMasks(mask.numpy(), SIZE, SIZE),
        )
        data['data_samples'] = [
            DetDataSample(gt_instances=found.clone(), metainfo=dict(img_shape=(SIZE, SIZE), sample_key=i))
            for i in range(2)
        ]
    return data


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: f'{path.parent.name}-{path.stem}')
def test_one_real_step(path):
    kind, config = path.parent.name, Config.fromfile(path)
    model = MODELS.build(shrink(config, kind)).train()
    assert KINDS[kind] in config.model
    optimizer = build_optim_wrapper(model, {**config.optim_wrapper, 'accumulative_counts': 1})
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    data = model.data_preprocessor(batch(kind), True)
    loss, _ = model.parse_losses(model(**data, mode='loss'))
    optimizer.backward(loss)
    assert torch.isfinite(loss)
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, (
            name
        )  # nothing trainable is left out, which DDP would not forgive
    optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad or torch.equal(parameter, before[name]), name
    assert any(not torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())

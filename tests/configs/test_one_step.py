"""Every kind of model among the shipped configs takes one real step, with its own optimizer, at a small size."""

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.structures import InstanceData, PixelData

from mmvd.registry import MODELS
from tests.configs.test_configs import CONFIGS, named
from tests.conftest import ROOT, raw_batch

KINDS = dict(vd='head', seg='decode_head', cls='head', det='panoptic_head', pose='head')
SIZE = 56
WIDTH = 96  # a depth key needs so many slots


def types(node) -> list[str]:
    """All types in the settings of a model, in order."""
    if isinstance(node, dict):
        return ([node['type']] if 'type' in node else []) + [
            name for key in sorted(node) if key != 'init_cfg' for name in types(node[key])
        ]
    return [name for item in node for name in types(item)] if isinstance(node, (list, tuple)) else []


def shrink_encoder(backbone: dict) -> int | list[int]:
    """The encoder at a small size, in place; the channels that it gives."""
    backbone.init_cfg = None
    if backbone.type == 'mmvd.OmnivoreSwin3D':
        backbone.update(embed_dims=16, depths=(1, 1, 1, 1), num_heads=(1, 2, 4, 8))
        return [32, 64, 128, 128] if backbone.get('out_type', 'featmap') == 'featmap' else 128
    if backbone.get('rgb'):
        backbone.rgb.update(img_size=SIZE, model_args=dict(embed_dim=WIDTH, depth=4, num_heads=2, patch_size=14))
    else:
        backbone.update(arch=dict(embed_dims=WIDTH, depth=4, num_heads=2), patch_size=14, img_size=SIZE)
    return WIDTH * (2 if backbone.get('out') == 'rgb+fused' else 1) * backbone.get('last_blocks', 1)


def shrink(config: Config, kind: str) -> dict:
    """The model at a small size: numbers change, no type does."""
    model, before = config.model, types(config.model)
    channels = shrink_encoder(model.backbone)
    maps = channels if isinstance(channels, list) else [channels] * 4
    if kind == 'vd':
        model.head.update(in_channels=channels, channels=(16, 12, 8, 8))
    elif kind == 'cls':
        model.head.in_channels = channels
    elif kind == 'det':
        model.panoptic_head.in_channels = maps
    elif kind == 'pose':
        small = dict(embed_dims=80, num_heads=2, feedforward=16, encoder_layers=1, decoder_layers=2)
        model.head.update(small, in_channels=maps[: len(model.head.in_channels)])
        model.head.loss.models = None  # there are none here
    else:
        small, classes = (
            Config.fromfile(ROOT / 'configs/seg/m2f_vd_rooms_tiny.py').model.decode_head,
            model.decode_head.num_classes,
        )
        small.update(in_channels=maps, num_classes=classes)
        small.loss_cls.class_weight = model.decode_head.loss_cls.class_weight
        model.decode_head, model.data_preprocessor.size = small, (SIZE, SIZE)
    assert types(model) == before
    return model


def kind_of(path) -> str:
    """The folder of a config; protocols of completion have the model of pretraining."""
    folder = path.relative_to(ROOT / 'configs').parts[0]
    return 'vd' if folder == 'completion' else folder


def distinct(paths: list) -> list:
    """One config for each kind of step: datasets change classes and files alone."""
    found = {}
    for path in paths:
        model = Config.fromfile(path).model
        kind = kind_of(path)
        backbone = {key: value for key, value in model.backbone.items() if key != 'init_cfg'}
        found.setdefault(repr((kind, backbone, model.data_preprocessor, types(model))), path)
    return list(found.values())


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
    elif kind == 'pose':
        data['data_samples'] = [pose_sample(i, boxes) for i, boxes in enumerate((1, 3))]
    return data


def pose_sample(key: int, count: int):
    from mmdet.structures import DetDataSample

    boxes, labels = torch.tensor([[10.0, 10, 30, 30]]).repeat(count, 1), torch.arange(count)
    meta = dict(
        img_shape=(SIZE, SIZE),
        sample_key=key,
        boxes_annotated=True,
        intrinsics=torch.tensor([[60.0, 0, 28], [0, 60, 28], [0, 0, 1]]),
    )
    truth = dict(labels=labels, obj_ids=labels + 1, rotations=torch.eye(3).repeat(count, 1, 1))
    return DetDataSample(
        proposals=InstanceData(bboxes=boxes, labels=labels, scores=torch.ones(count)),
        gt_instances=InstanceData(**truth, translations=torch.ones(count, 3)),
        metainfo=meta,
    )


@pytest.mark.parametrize('path', distinct(CONFIGS), ids=named)
def test_one_real_step(path):
    kind, config = kind_of(path), Config.fromfile(path)
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

"""Four real frames of four sensors: the model can learn them by heart."""

import torch
from mmengine.structures import BaseDataElement

from mmvd import ops
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.registry import DATASETS, MODELS

FRAMES = [
    ('redwood_open3d', 'mm16', 'color/00000.jpg', (r'color/(.*)\.jpg', r'depth/\1.png')),
    ('tum', 'div5000', 'fr2_desk_1_color.png', ('_color', '_depth')),
    ('ycbv', 'div10000', '000001-color.png', ('-color', '-depth')),
    ('cleargrasp/real', 'exr', '000000123-opaque-rgb-img.jpg', (r'rgb-img\.jpg', 'depth-img.exr')),
]
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='mmvd.LoadDepth'),
    dict(type='mmvd.RGBDResize', size=(56, 56)),
    dict(type='mmvd.PackRGBDInputs'),
]


def load(root):
    parts = [
        dict(
            type='mmvd.RGBDDataset', data_root=str(root / folder), decoder=decoder, images=images, depth_from=depth_from
        )
        for folder, decoder, images, depth_from in FRAMES
    ]
    data = DATASETS.build(dict(type='mmvd.KeyedConcat', datasets=parts, pipeline=PIPELINE))
    samples = [data[KeyedIndex(i, 0, 0)] for i in range(len(data))]
    return torch.stack([s['inputs'] for s in samples]), torch.stack([s['depth'] for s in samples])


def test_overfits_four_real_frames(test_data):
    images, depth = load(test_data)
    assert len(images) == 4 and (depth > 0).flatten(1).float().mean(1).min() > 0.4
    model = MODELS.build(
        dict(
            type='mmvd.DepthCompleter',
            backbone=dict(
                type='mmvd.VDViT',
                arch=dict(embed_dims=64, depth=4, num_heads=4),
                patch_size=7,
                img_size=56,
                frozen='none',
                strides=(2, 4, 8, 16),
            ),
            head=dict(type='mmvd.DepthCompletionHead', in_channels=64, channels=(48, 32, 24, 16)),
        )
    ).train()
    removed = ops.density_mask((4, 56, 56), 0.7, 'pixel', torch.arange(4), (depth > 0)[:, 0])[:, None]
    batch = model.data_preprocessor(
        dict(
            inputs=list(images),
            depth=list(depth.masked_fill(removed, 0)),
            gt_depth=list(depth),
            data_samples=[BaseDataElement() for _ in images],
        )
    )
    assert torch.equal(batch['removed_mask'], removed)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 5e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=350)
    for _ in range(350):
        optimizer.zero_grad()
        model(**batch, mode='loss')['loss_depth'].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        pred = model(batch['inputs'])
    for image in range(4):
        gone, kept = removed[image], (depth[image] > 0) & ~removed[image]
        error, mean_fill = (
            ((guess - depth[image])[gone] ** 2).mean().sqrt() for guess in (pred[image], depth[image][kept].mean())
        )
        assert error < 0.2 * mean_fill, (FRAMES[image][0], float(error), float(mean_fill))

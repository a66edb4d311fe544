"""What pretraining makes of a batch: RGB and metres in one tensor, random depth and density by key, padding."""

import pytest
import torch

from mmvd.errors import ConfigError, SampleError
from mmvd.models.completers.density_sweep import DensitySweep
from mmvd.registry import MODELS, TRANSFORMS
from tests.conftest import raw_batch


def preprocessor(**kwargs):
    return MODELS.build(dict(type='mmvd.RGBDDataPreprocessor', **kwargs))


def test_inputs_are_rgb_normalised_then_metres():
    batch = raw_batch(2)
    batch['inputs'][0][:] = torch.tensor([10, 20, 30], dtype=torch.uint8).view(3, 1, 1)  # BGR
    out = preprocessor()(batch, training=True)
    expected = (torch.tensor([30.0, 20.0, 10.0]) - torch.tensor([123.675, 116.28, 103.53])) / torch.tensor(
        [58.395, 57.12, 57.375]
    )
    torch.testing.assert_close(out['inputs'][0, :3, 5, 7], expected)
    assert torch.equal(out['inputs'][:, 3:], torch.stack(batch['depth'])) and torch.equal(
        out['gt_depth'], torch.stack(batch['depth'])
    )
    assert not out['removed_mask'].any()


def test_random_depth_and_density_by_key():
    pre = preprocessor(random_depth=dict(), random_density=dict(mean=0.5, std=0.2))
    out = pre(raw_batch(4), training=True)
    depth, removed = out['inputs'][:, 3:], out['removed_mask']
    assert (depth[removed] == 0).all() and torch.equal(depth[~removed], out['gt_depth'][~removed])
    assert (removed <= (out['gt_depth'] > 0)).all() and removed.flatten(1).float().mean(1).unique().numel() == 4
    batch = raw_batch(4)
    alone = pre({key: value[2:3] for key, value in batch.items()}, training=True)
    assert torch.equal(alone['inputs'][0], out['inputs'][2]) and torch.equal(alone['removed_mask'][0], removed[2])
    assert not torch.equal(pre(raw_batch(4, first_key=9), training=True)['removed_mask'], removed)
    still = pre(raw_batch(4), training=False)
    assert torch.equal(still['inputs'][:, 3:], torch.stack(raw_batch(4)['depth']))


def test_a_separate_target_moves_along():
    """A sparse sensor map and its dense truth: both randomised alike, only the input is thinned."""
    batch = raw_batch(4)
    batch['gt_depth'] = [d.clone() for d in batch['depth']]
    batch['depth'] = [d * (torch.rand(1, 56, 56) < 0.5) for d in batch['depth']]
    out = preprocessor(random_depth=dict(), random_density=dict(mean=0.5, std=0.1))(batch, training=True)
    given = out['inputs'][:, 3:]
    assert torch.equal(given[given > 0], out['gt_depth'][given > 0])
    kept = (given > 0).flatten(1).float().mean(1)
    assert (kept < 0.45).all() and ((out['gt_depth'] > 0).flatten(1).float().mean(1) > 0.9).all()
    assert torch.equal(out['removed_mask'], (out['gt_depth'] > 0) & (given == 0))


def test_images_without_depth():
    batch = raw_batch(2)
    del batch['depth']
    assert preprocessor()(batch)['inputs'].shape == (2, 3, 56, 56)


def test_masks_of_the_pipeline_are_kept():
    batch = raw_batch(2)
    batch['removed_mask'] = [torch.rand(1, 56, 56) < 0.4 for _ in range(2)]
    batch['gt_depth'] = [d.clone() for d in batch['depth']]
    batch['depth'] = [d.masked_fill(m, 0) for d, m in zip(batch['depth'], batch['removed_mask'], strict=True)]
    out = preprocessor(random_depth=dict(), random_density=dict())(batch, training=True)
    assert torch.equal(out['removed_mask'], torch.stack(batch['removed_mask']))
    assert torch.equal(out['gt_depth'], torch.stack(batch['gt_depth']))


def test_sizes_are_padded_and_dirt_is_missing():
    batch = raw_batch(2)
    batch['inputs'][1], batch['depth'][1] = batch['inputs'][1][:, :40, :30], batch['depth'][1][:, :40, :30].clone()
    batch['depth'][0][0, 0, :3] = torch.tensor([float('nan'), -1, float('inf')])
    out = preprocessor()(batch)
    assert (
        out['inputs'].shape == (2, 4, 56, 56)
        and (out['inputs'][1, :, 40:] == 0).all()
        and (out['inputs'][0, 3, 0, :3] == 0).all()
    )
    batch['depth'][1] = batch['depth'][1][:, :39]
    with pytest.raises(SampleError, match='moved one without the other'):
        preprocessor()(batch)


def test_samples_without_key_draw_from_the_hosts_seeding():
    batch = raw_batch(1)
    del batch['data_samples'][0].sample_key
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(preprocessor(random_density=dict())(batch, training=True)['removed_mask'])
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert not torch.equal(preprocessor(random_density=dict())(batch, training=True)['removed_mask'], draws[2])
    del batch['data_samples']  # in a loop of one's own
    torch.manual_seed(0)
    assert torch.equal(preprocessor(random_density=dict())(batch, training=True)['removed_mask'], draws[0])


@pytest.mark.parametrize(
    'settings, text',
    [(dict(sdt=0.1), 'random_density has patterns, mean, std, got sdt'), (dict(patterns=('perlim',)), 'perlim')],
)
def test_odd_random_density_is_refused_when_it_is_built(settings, text):
    with pytest.raises(ConfigError, match=text):
        preprocessor(random_density=settings)


def test_odd_patterns_and_channels_are_refused_when_they_are_built():
    with pytest.raises(ConfigError, match='density patterns must be some of perlin, coarse, pixel'):
        DensitySweep((0.1, 0.5), pattern='x')
    with pytest.raises(ConfigError, match='density patterns'):
        TRANSFORMS.build(dict(type='mmvd.RandomDensityMask', patterns=()))
    with pytest.raises(ConfigError, match='num_channels must be even'):
        MODELS.build(dict(type='mmvd.PositionalDepthEncoding', num_channels=31))


def test_encoded_channels_are_not_padded():
    batch = dict(
        inputs=[torch.zeros(3, side, 56, dtype=torch.uint8) for side in (56, 42)],
        depth=[torch.zeros(8, side, 56) for side in (56, 42)],
        gt_depth=[torch.ones(1, side, 56) for side in (56, 42)],
    )
    with pytest.raises(SampleError, match='no empty value to pad with'):
        preprocessor()(batch)


def test_keys_are_asked_for_where_something_is_drawn():
    """A sample without a key draws one from the host's seeding, which others draw from, too."""
    still = MODELS.build(dict(type='mmvd.RGBDDataPreprocessor', random_depth=None, random_density=None))
    drawing = MODELS.build(dict(type='mmvd.RGBDDataPreprocessor', random_depth=dict(), random_density=None))
    image, depth = torch.zeros(3, 8, 8, dtype=torch.uint8), torch.ones(1, 8, 8)
    pipeline = dict(inputs=[image], depth=[depth], gt_depth=[depth], removed_mask=[depth > 2])  # drew it already
    state = torch.get_rng_state()
    for preprocessor, batch in ((still, dict(inputs=[image], depth=[depth])), (drawing, pipeline)):
        preprocessor(dict(batch), True)
        assert torch.equal(torch.get_rng_state(), state)
    drawing(dict(inputs=[image], depth=[depth]), True)
    assert not torch.equal(torch.get_rng_state(), state)

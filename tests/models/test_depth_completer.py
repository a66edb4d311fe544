"""The whole model: preprocessing, loss, islands of precision, sweep, and that RGB is untouched by training."""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement

from mmvd import ops
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError, SampleError
from mmvd.models.backbones import VDViT
from mmvd.models.completers.density_sweep import DensitySweep
from mmvd.models.heads.depth_completion_head import DepthCompletionHead, decode_weights
from mmvd.registry import MODELS, TRANSFORMS
from tests.conftest import TINY, raw_batch, tiny_completer


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


def test_masks_of_an_evaluation_need_no_key():
    model, batch = tiny_completer().eval(), raw_batch(2)
    results = []
    for _ in range(2):
        packed = model.data_preprocessor(
            dict(batch, data_samples=[BaseDataElement(metainfo=dict(sample_idx=i)) for i in range(2)])
        )
        results.append([sample.input_depth for sample in model(**packed, mode='predict')])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True)) and not torch.equal(
        results[0][0] > 0, results[0][1] > 0
    )


def test_training_leaves_rgb_bit_identical():
    model = tiny_completer()
    alone = VDViT(**TINY, out='rgb', strides=(2, 4, 8, 16))
    alone.rgb_stream.load_state_dict(model.backbone.rgb_stream.state_dict())
    before = {k: v.clone() for k, v in model.backbone.rgb_stream.state_dict().items()}
    other = {k: v.clone() for k, v in model.backbone.depth_stream.state_dict().items()}
    wrapper = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.1))
    model.train()
    for step in range(3):
        losses = model.train_step(raw_batch(2, first_key=step * 2), wrapper)
        assert torch.isfinite(losses['loss'])
    after = model.backbone.rgb_stream.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert sum(not torch.equal(other[k], v) for k, v in model.backbone.depth_stream.state_dict().items()) > 10
    frozen = {id(p) for p in model.backbone.rgb_stream.parameters()}
    assert not any(id(p) in frozen for p in wrapper.optimizer.state)
    x = torch.randn(1, 3, 56, 56)
    mine = model.backbone.encode_rgb(x).tokens
    alone.eval()
    assert all(torch.equal(a, b) for a, b in zip(mine, alone.encode_rgb(x).tokens, strict=True))


def test_gradients_reach_what_is_trainable_and_nothing_else():
    model = tiny_completer().train()
    model(**model.data_preprocessor(raw_batch(2), True), mode='loss')['loss_depth'].backward()
    for name, parameter in model.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name
        assert parameter.grad is None or torch.isfinite(parameter.grad).all(), name


def test_islands_of_full_precision_under_bf16():
    model = tiny_completer().train()
    seen = {}
    model.backbone.depth_encoding.register_forward_hook(lambda m, i, o: seen.update(encoding=o.dtype))
    model.head.loss_module.register_forward_hook(lambda m, i, o: seen.update(pred=i[0][0].dtype, loss=o.dtype))
    model.backbone.depth_stream.blocks[0].mlp.fc1.register_forward_hook(lambda m, i, o: seen.update(block=o.dtype))
    full = model(**model.data_preprocessor(raw_batch(2), True), mode='loss')['loss_depth']
    with torch.autocast('cpu', torch.bfloat16):
        batch = model.data_preprocessor(raw_batch(2), True)
        half = model(**batch, mode='loss')['loss_depth']
    assert batch['inputs'].dtype == torch.float32
    assert seen == dict(encoding=torch.float32, pred=torch.float32, loss=torch.float32, block=torch.bfloat16)
    torch.testing.assert_close(half, full, rtol=0.05, atol=0)


def test_predictions_undo_the_range_factor():
    model = tiny_completer().eval()
    batch = model.data_preprocessor(raw_batch(1))
    near = batch['inputs']
    near[:, 3:] *= 14.25 / near[:, 3:].max()
    far = torch.cat((near[:, :3], near[:, 3:] * 6), 1)
    torch.testing.assert_close(
        model(far), 6 * model(near), rtol=5e-3, atol=1e-3
    )  # rounding of depth, seen by 7 mm waves


@pytest.mark.parametrize('size', [(56, 56), (45, 70), (33, 61)])
def test_output_has_the_size_of_the_input(size):
    model = tiny_completer().eval()
    assert model(torch.rand(1, 4, *size)).shape == (1, 1, *size)
    assert [tuple(p.shape[-2:]) for p in model.complete(torch.rand(1, 4, 64, 96))] == [
        (8, 12),
        (16, 24),
        (32, 48),
        (64, 96),
    ]


def test_empty_depth_and_rgb_only_are_legal():
    model = tiny_completer().eval()
    assert torch.isfinite(model(torch.rand(1, 3, 56, 56))).all()
    batch = raw_batch(2)
    batch['depth'] = [torch.zeros(1, 56, 56), torch.full((1, 56, 56), float('nan'))]
    loss = model(**model.data_preprocessor(batch, True), mode='loss')['loss_depth']
    loss.backward()
    assert loss == 0


def test_sweep_keeps_what_it_says_and_shares_rgb(monkeypatch):
    model, runs = tiny_completer().eval(), []
    encode = model.backbone.encode_rgb
    monkeypatch.setattr(model.backbone, 'encode_rgb', lambda x: runs.append(1) or encode(x))
    with torch.no_grad():
        samples = model.test_step(raw_batch(2))
    assert len(runs) == 1  # nine passes or three, one RGB encoding
    for sample in samples:
        assert sample.pred_depth.shape == sample.input_depth.shape == (3, 56, 56)
        valid = (sample.gt_depth > 0).sum()
        kept = (sample.input_depth > 0).flatten(1).sum(1)
        assert ((kept - torch.tensor([0.1, 0.5, 0.9]) * valid).abs() <= 1).all()
        nested = (sample.input_depth[0] > 0) & (sample.input_depth[1] == 0)
        assert not nested.any()
        one = torch.cat((model.data_preprocessor(raw_batch(2))['inputs'][:1, :3], sample.input_depth[None, 1:2]), 1)
    assert sample.protocol['kept_densities'] == [0.1, 0.5, 0.9]
    first = samples[0]
    one = torch.cat((model.data_preprocessor(raw_batch(2))['inputs'][:1, :3], first.input_depth[None, 1:2]), 1)
    with torch.no_grad():
        torch.testing.assert_close(model(one)[0, 0], first.pred_depth[1], rtol=1e-4, atol=1e-5)
        half = torch.cat((one[:, :3], first.input_probe[None] / 2), 1)
        torch.testing.assert_close(model(half)[0], first.pred_half_depth, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match='kept_densities'):
        tiny_completer().sweep.__class__(kept_densities=[1.5])


def test_unknown_mode():
    with pytest.raises(RuntimeError, match='mode'):
        tiny_completer()(torch.rand(1, 4, 56, 56), mode='guess')


@pytest.mark.parametrize(
    'max_depth, weights',
    [
        (15.0, [10, 1, 0.1, 0.01]),
        (500.0, [100, 10, 1, 0.1, 0.01]),
        (10.0, [10, 1, 0.1, 0.01]),
        (5.0, [1, 0.1, 0.01]),
        (1000.0, [1000, 100, 10, 1, 0.1, 0.01]),
    ],
)
def test_decode_weights(max_depth, weights):
    torch.testing.assert_close(decode_weights(max_depth), torch.tensor([float(w) for w in weights]))


def test_metric_decoding_by_hand():
    head = DepthCompletionHead(8, (8, 8, 8, 8))
    vector = torch.tensor([0.2, -0.5, 3.0, 7.0]).view(1, 4, 1, 1)
    np.testing.assert_allclose(head.decode(vector).item(), 2.0 - 0.005 + 0.3 + 0.07, rtol=1e-6)
    with pytest.raises(ConfigError):
        DepthCompletionHead(8, (8, 8))
    with pytest.raises(ConfigError):
        DepthCompletionHead(8, max_depth=-1.0)


def test_loss_module_is_the_function():
    preds, target, removed = (
        [torch.rand(1, 1, s, s) + 1 for s in (4, 8)],
        torch.rand(1, 1, 8, 8) + 1,
        torch.rand(1, 1, 8, 8) < 0.5,
    )
    module = MODELS.build(dict(type='mmvd.BalancedSILoss', alpha=3.0, lam=0.5))
    assert torch.equal(
        module(preds, target, removed), ops.multi_scale_balanced_si_loss(preds, target, removed, 3.0, 0.5)
    )


@pytest.mark.parametrize('frozen', ['rgb', 'all'])
@pytest.mark.parametrize('size', [(56, 56), (61, 74)])
def test_skips_are_projected_before_they_are_resized(size, frozen):
    """To the same predictions and gradients as afterwards, where the authors' code does it; in float64."""
    model = tiny_completer(test_cfg=None, frozen=frozen)
    model.head = DepthCompletionHead(32, (16, 12, 8, 8), skip_channels=5, norm_eval=True)
    model = model.double().train()
    inputs = torch.rand(2, 4, *size, dtype=torch.float64)
    before = model.complete(inputs)
    model.head.skips[0].weight.grad = None
    sum(pred.sum() for pred in before).backward()
    gradient = model.head.skips[0].weight.grad
    features, factor = model.backbone.extract(inputs)
    after = model.head.complete([model.head.project(level, x) for level, x in enumerate(features)], inputs, factor)
    model.head.skips[0].weight.grad = None
    sum(pred.sum() for pred in after).backward()
    for a, b in zip(before, after, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(gradient, model.head.skips[0].weight.grad, rtol=1e-9, atol=1e-9)


def test_vectors_of_metres_are_computed_in_full_precision():
    """In half precision an entry that counts 10 m is rounded to centimetres."""
    head = DepthCompletionHead(8, (8, 8, 8, 8)).eval()
    seen = []
    head.blocks[-1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16):
        preds = head([torch.randn(1, 8, side, side) for side in (28, 14, 7, 4)], (56, 56))
    assert seen[0].dtype == torch.bfloat16  # the rest is fast
    with torch.no_grad():
        torch.testing.assert_close(preds[-1], head.decode(head.vectors[-1](seen[0].float())), rtol=0, atol=0)
        assert (
            head.double()([torch.randn(1, 8, side, side).double() for side in (28, 14, 7, 4)], (56, 56))[-1]
            .isfinite()
            .all()
        )


def test_encoding_in_the_pipeline_is_the_encoding_in_the_model():
    """Also of depth beyond the range, which is brought into it, and whose prediction is not."""
    inside = tiny_completer(test_cfg=None).eval()
    settings = dict(
        num_channels=inside.backbone.depth_encoding.out_channels, max_depth=inside.backbone.depth_encoding.max_depth
    )
    with pytest.raises(ConfigError, match='evaluation compares metres'):
        tiny_completer(depth_encoding=None, depth_channels=settings['num_channels'])
    outside = tiny_completer(test_cfg=None, depth_encoding=None, depth_channels=settings['num_channels']).eval()
    outside.load_state_dict(inside.state_dict())
    encode = TRANSFORMS.build(dict(type='mmvd.PositionalDepthEncoding', **settings))
    pack = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))
    plain, encoded = [], []
    for far in (2.0, 30.0):
        depth = (np.random.default_rng(0).random((56, 56)) * far).astype(np.float32)
        sample = dict(
            img=np.full((56, 56, 3), 90, np.uint8), depth=depth, gt_depth=depth, sample_idx=KeyedIndex(0, 0, 0)
        )
        plain.append(pack(dict(sample)))
        encoded.append(pack(encode(dict(sample))))
    assert encoded[1]['data_samples'].range_factor == pytest.approx(14.25 / plain[1]['depth'].max().item(), rel=1e-5)
    batches = [model.data_preprocessor(pseudo_collate(batch)) for model, batch in ((inside, plain), (outside, encoded))]
    with torch.no_grad():
        one, other = (model(**batch) for model, batch in zip((inside, outside), batches, strict=True))
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)
        assert one[1].std() > 0
        one, other = (
            model(**batch, mode='loss')['loss_depth'] for model, batch in zip((inside, outside), batches, strict=True)
        )
        torch.testing.assert_close(other, one, rtol=1e-4, atol=1e-4)
    with pytest.raises(ConfigError, match='evaluation compares metres'):
        outside(**batches[1], mode='predict')


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

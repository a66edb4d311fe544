"""The whole model: loss, islands of precision, sweep, and that RGB is untouched by training."""

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement

from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError
from mmvd.models.backbones import VDViT
from mmvd.registry import TRANSFORMS
from tests.conftest import TINY, raw_batch, tiny_completer


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


def test_without_depth_the_truth_is_all_that_is_compared_with():
    model = tiny_completer().eval()
    batch = raw_batch(2)
    batch['gt_depth'] = batch.pop('depth')
    with torch.no_grad():
        found = model(**model.data_preprocessor(dict(batch)), mode='predict')
        loss = model(**model.data_preprocessor(dict(batch), True), mode='loss')['loss_depth']
    assert loss > 0 and found[0].input_depth.max() == 0
    assert torch.equal(found[0].gt_depth, batch['gt_depth'][0]) and found[0].pred_depth.isfinite().all()
    del batch['gt_depth']
    alone = model.data_preprocessor(batch)
    for mode, told in (('predict', 'nothing to compare'), ('loss', 'nothing to learn')):
        with pytest.raises(ConfigError, match=f'brings neither depth nor gt_depth: there is {told}'):
            model(**alone, mode=mode)


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

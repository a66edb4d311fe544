"""What makes a run faster must not change it: half precision, compilation, accumulation.

And the decoder stays within its budget.
"""

import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

from mmvd.engine.hooks import CompileHook
from mmvd.registry import MODELS, OPTIM_WRAPPERS
from tests.conftest import ROOT, raw_batch, tiny_completer

# Relative distance of the half-precision loss at the same weights, at each of sixteen steps (1 % seen), and of the mean
# loss of a run. Runs from
# random weights part: predictions near 0 m have steep logarithms. Over four of them the mean differs by 0.04 %, over
# one by up to 8 %.
HALF_PRECISION_DISTANCE, MEAN_DISTANCE, RUNS = 0.02, 0.1, 4


def losses(wrapper: dict, batches: list[dict], optimizer: str = 'SGD') -> tuple[list[float], torch.nn.Module]:
    torch.manual_seed(0)
    model = tiny_completer().train()
    model.head.norm_eval = True
    model.train()
    optimizer = getattr(torch.optim, optimizer)([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    wrapper = OPTIM_WRAPPERS.build(dict(optimizer=optimizer, **wrapper))
    wrapper.initialize_count_status(model, 0, len(batches))
    return [model.train_step(batch, wrapper)['loss'].item() for batch in batches], model


def test_half_precision_stays_within_the_stated_distance():
    starts = [[raw_batch(2, first_key=100 * run + 2 * i) for i in range(16)] for run in range(RUNS)]
    full = [losses(dict(type='OptimWrapper'), batches, 'Adam')[0] for batches in starts]
    half, models = zip(
        *(losses(dict(type='mmvd.BF16OptimWrapper'), batches, 'Adam') for batches in starts), strict=True
    )
    assert sum(map(sum, half)) == pytest.approx(sum(map(sum, full)), rel=MEAN_DISTANCE)
    assert all(p.dtype == torch.float32 for p in models[0].parameters())


def test_half_precision_loss_at_the_same_weights():
    model = tiny_completer().train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    half_precision = OPTIM_WRAPPERS.build(dict(type='mmvd.BF16OptimWrapper', optimizer=optimizer))
    for step in range(16):
        data = model.data_preprocessor(raw_batch(2, first_key=2 * step), True)
        full = model(**data, mode='loss')['loss_depth']
        with torch.no_grad(), half_precision.optim_context(model):
            half = model(**data, mode='loss')['loss_depth']
        assert (
            half.dtype == torch.float32
            and half.item() == pytest.approx(full.item(), rel=HALF_PRECISION_DISTANCE)
            and half != full
        )
        optimizer.zero_grad()
        full.backward()
        optimizer.step()


def test_accumulated_gradients_are_those_of_the_large_batch():
    large = raw_batch(4)
    halves = [{key: value[i : i + 2] for key, value in large.items()} for i in (0, 2)]
    _, one = losses(dict(type='OptimWrapper'), [large])
    _, two = losses(dict(type='OptimWrapper', accumulative_counts=2), halves)
    for (name, a), b in zip(one.named_parameters(), two.parameters(), strict=True):
        torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-7, msg=name)


def test_compiled_blocks_give_the_same_maps_and_gradients_under_the_same_names():
    model = tiny_completer().eval()
    inputs = model.data_preprocessor(raw_batch())['inputs']

    def run() -> list[torch.Tensor]:
        model.zero_grad()
        maps = model(inputs)
        maps.square().mean().backward()
        return [maps.detach(), *(p.grad for p in model.parameters() if p.grad is not None)]

    eager, names = run(), list(model.state_dict())
    CompileHook().before_train(
        type('Runner', (), dict(model=model, logger=type('Log', (), dict(info=lambda *a: None))))
    )
    compiled = run()
    assert len(compiled) == len(eager) > 50
    for ours, theirs in zip(compiled, eager, strict=True):
        assert (ours - theirs).norm() <= 1e-3 * theirs.norm() + 1e-9
    assert list(model.state_dict()) == names
    assert all(block._compiled_call_impl is not None for block in model.backbone.depth_stream.blocks)


@pytest.mark.parametrize('name', ['pretrain_dinov2_pde', 'pretrain_tiny_pde_rooms'])
def test_decoder_costs_at_most_ten_gmac_at_224_px(name):
    config = Config.fromfile(ROOT / f'configs/vd/{name}.py')
    head = MODELS.build(config.model.head).eval()
    side = 224 // config.model.backbone.get('patch_size', 14)
    cells = torch.zeros(1, config.model.head.in_channels, side, side)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        maps = [head.project(level, cells) for level in range(4)]
        sizes = [(224 // stride, 224 // stride) for stride in config.model.backbone.strides]
        head([F.interpolate(each, size) for each, size in zip(maps, sizes, strict=True)], (224, 224))
    assert 0 < counter.get_total_flops() / 2 <= 10e9

"""The decoder that chooses among measured pixels."""

import copy

import pytest
import torch

from mmvd import ops
from mmvd.errors import ConfigError
from mmvd.models import JointBilateralHead
from mmvd.registry import MODELS
from tests.conftest import TINY


def features(batch: int, height: int, width: int) -> list[torch.Tensor]:
    return [torch.randn(batch, 4, -(-height // 8), -(-width // 8)) for _ in range(4)]


@pytest.fixture
def head():
    torch.manual_seed(0)
    return JointBilateralHead(4, channels=(8, 8, 8, 8), embed_channels=2).eval()


@pytest.fixture
def scene():
    """A red box at 1 m before a blue wall at 3 m, a tenth of it measured."""
    image, depth = torch.zeros(1, 3, 64, 96), torch.full((1, 1, 64, 96), 3.0)
    image[:, 2] = 2
    image[:, :, 20:50, 30:70] = torch.tensor([2.0, 0, 0]).view(3, 1, 1)
    depth[:, :, 20:50, 30:70] = 1
    return image, depth, torch.rand(depth.shape, generator=torch.Generator().manual_seed(1)) < 0.1


def test_without_training_it_is_a_joint_bilateral_filter(head, scene):
    """Each side of an edge takes depth of its own side alone, up to the edge."""
    image, depth, known = scene
    head.kernel.weight.data.zero_()
    with torch.no_grad():
        pred = head(features(1, 64, 96), torch.cat((image, depth * known), 1))[-1]
    assert (pred - depth).abs().max() < 0.01
    smooth = torch.nn.functional.interpolate(torch.zeros(1, 1, 1, 1), depth.shape[-2:])
    with torch.no_grad():  # colours that say nothing: the edge is lost
        blind = head(features(1, 64, 96), torch.cat((smooth.expand_as(image), depth * known), 1))[-1]
    assert (blind - depth).abs().max() > 0.5


def test_measured_pixels_pass_and_scale_follows(head, scene):
    image, depth, known = scene
    maps, given = features(1, 64, 96), depth * known
    with torch.no_grad():
        pred = head(maps, torch.cat((image, given), 1))[-1]
        double = head(maps, torch.cat((image, 2 * given), 1))[-1]
    assert torch.equal(pred[known], depth[known])
    torch.testing.assert_close(double, 2 * pred, rtol=1e-4, atol=0)


@pytest.mark.parametrize('size', [(32, 32), (33, 47), (56, 70), (8, 100)])
def test_any_size_any_batch(head, size):
    torch.manual_seed(1)
    inputs = torch.rand(2, 4, *size) + 0.5
    inputs[:, 3][torch.rand(2, *size) > 0.3] = 0
    maps = features(2, *size)
    with torch.no_grad():
        coarse, pred = head(maps, inputs)
        alone = head([each[1:] for each in maps], inputs[1:])
    assert pred.shape == (2, 1, *size) and coarse.shape[-2:] == (-(-size[0] // 8), -(-size[1] // 8))
    for together, one in zip((coarse, pred), alone, strict=True):
        torch.testing.assert_close(together[1:], one, rtol=1e-4, atol=1e-5)


def test_maps_of_the_encoder_lie_where_the_image_lies(head):
    """Sides that are no multiples of 32 px are padded inside: what is padded outside gives the same."""
    torch.manual_seed(4)
    torch.nn.init.normal_(head.coarse.weight, std=0.2)
    inputs, maps = torch.rand(1, 4, 40, 72) + 1, features(1, 40, 72)
    inputs[:, 3, :, 20:60] = 0
    padded = [torch.nn.functional.pad(each, (0, 3, 0, 3)) for each in maps]
    with torch.no_grad():
        pred = head(maps, inputs)[-1]
        outside = head(padded, torch.nn.functional.pad(inputs, (0, 24, 0, 24)))[-1]
    torch.testing.assert_close(pred, outside[..., :40, :72])


def test_nothing_measured_and_half_precision(head):
    torch.manual_seed(2)
    inputs, maps = torch.randn(2, 4, 64, 64), features(2, 64, 64)
    inputs[:, 3] = 0
    inputs[1, 3, ::5, ::5] = 2.0
    with torch.no_grad():
        plain = head(maps, inputs)[-1]
        with torch.autocast('cpu', torch.bfloat16):
            half = head(maps, inputs)[-1]
    assert plain.isfinite().all() and (plain > 0).all()
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, plain, rtol=0.05, atol=0)


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16, torch.float64])
def test_weights_of_another_precision(head, dtype):
    """Metres stay what they are; the decoder alone computes in the precision of its weights."""
    torch.manual_seed(3)
    inputs, maps = torch.randn(1, 4, 64, 64), features(1, 64, 64)
    inputs[:, 3] = torch.where(torch.rand(1, 64, 64) < 0.1, 7.0 + torch.rand(1, 64, 64), 0)
    with torch.no_grad():
        plain = head(maps, inputs)[-1]
        other = copy.deepcopy(head).to(dtype)([each.to(dtype) for each in maps], inputs)[-1]
    kept = inputs[:, 3:] > 0
    assert torch.equal(other[kept].float(), inputs[:, 3:][kept])
    torch.testing.assert_close(other.float(), plain, rtol=0.05, atol=0)


def test_everything_learns(head):
    torch.manual_seed(3)
    head.train()
    torch.nn.init.normal_(head.kernel.weight, std=0.1)
    torch.nn.init.normal_(head.coarse.weight, std=0.1)
    inputs, maps = torch.rand(2, 4, 64, 64) + 1, [each.requires_grad_() for each in features(2, 64, 64)]
    removed = torch.rand(2, 1, 64, 64) < 0.8
    target = inputs[:, 3:].clone()
    inputs[:, 3:][removed] = 0
    head.loss(head(maps, inputs), target, removed)['loss_depth'].backward()
    still = [name for name, weight in head.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not still and all(each.grad.any() for each in maps) and head.level_bias.grad.all()


def test_encodings_that_do_not_read_metres_are_refused():
    head = dict(type='mmvd.JointBilateralHead', in_channels=32, channels=(8, 8, 8, 8))
    disparity = dict(type='mmvd.DisparityEncoding')
    model = dict(
        type='mmvd.DepthCompleter',
        data_preprocessor=dict(type='mmvd.RGBDDataPreprocessor', depth_encoding=disparity),
        backbone=dict(TINY, type='mmvd.VDViT', depth_encoding=disparity),
        head=head,
    )
    with pytest.raises(ConfigError, match='JointBilateralHead reads metres, the inputs bring disparity'):
        MODELS.build(model)
    model['data_preprocessor'] = dict(type='mmvd.RGBDDataPreprocessor')
    model['backbone'].update(depth_encoding=None, depth_channels=32)
    with pytest.raises(ConfigError, match='the inputs bring encoded channels'):
        MODELS.build(model)


def test_maps_of_another_stride_are_refused(head):
    with pytest.raises(ConfigError, match=r'strides=\(8, 8, 8, 8\)'):
        head([torch.randn(1, 4, 4, 4)] * 4, torch.rand(1, 4, 64, 64))


def test_what_is_no_measurement_is_none(head):
    """NaN, infinite and negative depth count as missing; an image without depth as one with nothing measured."""
    torch.manual_seed(5)
    maps, clean = features(1, 32, 32), torch.rand(1, 4, 32, 32) + 1
    clean[:, 3, ::3] = 0
    odd = clean.clone()
    for row, value in ((0, torch.nan), (3, torch.inf), (6, -2.0)):
        odd[:, 3, row] = value
    with torch.no_grad():
        torch.testing.assert_close(head(maps, odd)[-1], head(maps, clean)[-1])
        nothing = torch.cat((clean[:, :3], torch.zeros(1, 1, 32, 32)), 1)
        torch.testing.assert_close(head(maps, clean[:, :3])[-1], head(maps, nothing)[-1])
        torch.testing.assert_close(ops.pyramid_fill(odd[:, 3:])[0], ops.pyramid_fill(clean[:, 3:])[0])


def test_swapped_rgb_reaches_the_decoder():
    """The decoder reads the image itself, not the encoder's features alone."""
    model = MODELS.build(
        dict(
            type='mmvd.DepthCompleter',
            backbone=dict(TINY, type='mmvd.VDViT', strides=(8, 8, 8, 8)),
            head=dict(type='mmvd.JointBilateralHead', in_channels=32, channels=(8, 8, 8, 8)),
            test_cfg=dict(kept_densities=[0.5], probe_density=0.3),
        )
    ).eval()
    image, other = torch.randn(2, 1, 3, 56, 56)
    depth = torch.rand(1, 1, 56, 56) + 1
    with torch.no_grad():
        (found,) = model.predict(torch.cat((image, depth), 1), None, partner_rgb=other)
        expected = model(torch.cat((other, found.input_probe[None]), 1))
    torch.testing.assert_close(found.pred_swapped_rgb[None], expected)
    assert (found.pred_swapped_rgb - found.pred_probe).abs().max() > 0.1


def test_what_the_decoder_reads_and_starts_from(head, scene):
    image, depth, known = scene
    read, given = [], depth * known
    head.guide.register_forward_pre_hook(lambda module, args: read.append(args[0]))
    with torch.no_grad():
        coarse = head(features(1, 64, 96), torch.cat((image, given), 1))[0]
    fill, levels = ops.pyramid_fill(given)
    expected = (image, fill.log() - fill.log().mean(), known.float(), levels / 5)
    torch.testing.assert_close(read[0], torch.cat(expected, 1))
    torch.testing.assert_close(coarse, torch.nn.functional.avg_pool2d(fill, 8))  # times a factor that starts at 1
    assert 17 / 57.4 * float(head.colour_scale.exp()) == pytest.approx(1, abs=0.05)  # alike within 17 of 255
    assert head.kernel.weight.abs().max() < 0.1 / (9 * 8) ** 0.5  # a tenth of torch's


def test_factor_reach_and_own_estimate(head, scene):
    image, depth, known = scene
    head.kernel.weight.data.zero_()

    def completed(channel: int, bias: float) -> list[torch.Tensor]:
        head.kernel.bias.data.zero_()[channel] = bias
        with torch.no_grad():
            coarse, pred = head(features(1, 64, 96), torch.cat((image, depth * known), 1))
        return [torch.nn.functional.interpolate(coarse, (64, 96), mode='bilinear')[~known], pred[~known]]

    _, plain = completed(0, 0.0)
    torch.testing.assert_close(completed(2, 0.7)[1], plain * torch.tensor(0.7).exp())
    torch.testing.assert_close(completed(2, 9.0)[1], plain * torch.tensor(3.0).exp())
    torch.testing.assert_close(*completed(1, 90.0))
    for bound in (-4, 4):
        assert torch.equal(completed(0, bound)[1], completed(0, 2 * bound)[1])
    assert not torch.allclose(completed(0, -4)[1], completed(0, 4)[1])


def test_the_nearer_of_two_counts_more(head):
    """Where colours say nothing; and without any measurement a scene is 3 m away."""
    head.kernel.weight.data.zero_()
    inputs = torch.zeros(2, 4, 32, 32)
    inputs[0, 3, 2, 16], inputs[0, 3, 29, 16] = 1, 3
    inputs[1, 3] = inputs[0, 3].T
    with torch.no_grad():
        down, along = head(features(2, 32, 32), inputs)[-1][:, 0]
        nothing = head(features(1, 32, 32), torch.zeros(1, 4, 32, 32))[-1]
    for near, far in ((down[6, 16], down[25, 16]), (along[16, 6], along[16, 25])):
        assert near < 1.2 and far > 2.6
    torch.testing.assert_close(nothing, torch.full((1, 1, 32, 32), 3.0))

"""Joint transforms: what lives on the pixel grid moves together."""

from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms import RandomResizedCrop
from torchvision.transforms.v2.functional import InterpolationMode, resize

from mmvd import ops
from mmvd.datasets.cameras import camera_fits
from mmvd.datasets.sample_key import KeyedIndex
from mmvd.errors import ConfigError, SampleError, TooLittleDepthError
from mmvd.registry import TRANSFORMS

H, W = 60, 80


def sample(key=0, **changes) -> dict:
    """Image, depth and label hold the same piecewise constant pattern, so they stay comparable after any joint map."""
    cells = np.kron(np.random.default_rng(3).integers(1, 200, (H // 10, W // 10)), np.ones((10, 10))).astype(np.uint8)
    data = dict(
        img=np.repeat(cells[..., None], 3, 2),
        depth=cells.astype(np.float32),
        gt_depth=cells.astype(np.float32),
        gt_seg_map=cells.copy(),
        gt_instance_map=cells.astype(np.int32),
        removed_mask=cells > 100,
        intrinsics=np.array([[70, 0, 40], [0, 75, 29], [0, 0, 1.0]]),
        sample_idx=KeyedIndex(key, 0, 0),
        img_path='x.png',
        img_shape=(H, W),
    )
    return {**data, **changes}


GEOMETRY = [
    dict(type='mmvd.RGBDRandomFlip', horizontal=0.5, vertical=0.5),
    dict(type='mmvd.RGBDRandomRotate', prob=1.0),
    dict(type='mmvd.RGBDRandomResizedCrop', size=56),
    dict(type='mmvd.RGBDRandomResizedCrop', size=56, scale=(0.5, 1.0), pad=False),
    dict(type='mmvd.RGBDCenterCrop', size=40),
    dict(type='mmvd.RGBDRandomCrop', size=(40, 50)),
    dict(type='mmvd.RGBDResize', size=(120, 160)),
    dict(type='mmvd.RGBDResize', size=45, divisor=5),
]


@pytest.mark.parametrize('config', GEOMETRY, ids=lambda c: c['type'])
@pytest.mark.parametrize('key', range(6))
def test_everything_moves_alike(config, key):
    out = TRANSFORMS.build(config)(sample(key))
    depth = out['depth']
    assert (
        out['img'].shape[:2]
        == depth.shape
        == out['gt_seg_map'].shape
        == out['gt_instance_map'].shape
        == out['img_shape']
    )
    np.testing.assert_array_equal(depth, out['gt_depth'])
    np.testing.assert_array_equal(depth, out['gt_instance_map'])
    np.testing.assert_array_equal(depth > 100, out['removed_mask'])
    np.testing.assert_array_equal(np.where(depth > 0, depth, 255), out['gt_seg_map'])  # new pixels: depth 0, label 255
    assert set(np.unique(depth)) <= set(np.unique(sample()['depth'])) | {0}  # nothing is blended
    inside = cv2.erode((depth > 0).astype(np.uint8), np.ones((7, 7))) > 0
    inside[:4] = inside[-4:] = inside[:, :4] = inside[:, -4:] = False  # the rim blends with what came in from outside
    smooth = inside & (cv2.dilate(depth, np.ones((7, 7))) == cv2.erode(depth, np.ones((7, 7))))  # away from edges
    assert smooth.sum() > 50
    assert np.abs(out['img'][..., 0].astype(float) - depth)[smooth].max() <= 3  # cubic ringing


@pytest.mark.parametrize('config', [GEOMETRY[i] for i in (0, 2, 3, 4, 5, 6)], ids=lambda c: c['type'])
@pytest.mark.parametrize('key', range(4))
def test_intrinsics_follow_the_pixels(config, key):
    """A pixel's ray before and after: x and y over depth agree up to the sign of a flip."""
    v, u = np.mgrid[:H, :W].astype(np.float32)
    start = sample(key, depth=u + 1, gt_depth=v + 1, gt_seg_map=None, gt_instance_map=None)
    out = TRANSFORMS.build(config)(dict(start))
    rays = [((u, v), start['intrinsics'])]
    yy, xx = np.nonzero(out['depth'] > 0)
    rays = []
    for (x, y), k in (
        ((out['depth'][yy, xx] - 1, out['gt_depth'][yy, xx] - 1), start['intrinsics']),
        ((xx, yy), out['intrinsics']),
    ):
        rays.append(np.stack(((x - k[0, 2]) / k[0, 0], (y - k[1, 2]) / k[1, 1])))
    flips = np.sign((rays[0] * rays[1]).sum(1))[:, None]
    assert np.abs(rays[0] - flips * rays[1]).max() < 1.2 / 70  # within a pixel: nearest


def test_colour_moves_no_geometry_and_repeats():
    for config in (dict(type='mmvd.RandomColorJitter'), dict(type='mmvd.RandomGrayscale', prob=1.0)):
        transform = TRANSFORMS.build(config)
        colours = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
        out, again = (transform(sample(4, img=colours.copy()))['img'] for _ in range(2))
        assert out.dtype == np.uint8 and out.shape == colours.shape and not np.array_equal(out, colours)
        np.testing.assert_array_equal(out, again)


def test_pipeline_draws_differ_by_epoch_and_sample():
    crop = TRANSFORMS.build(GEOMETRY[2])
    draws = [crop(sample(sample_idx=KeyedIndex(i, 0, e)))['intrinsics'].tobytes() for i in range(3) for e in range(3)]
    assert len(set(draws)) == 9


def test_a_bare_index_draws_from_the_hosts_seeding():
    crop, draws = TRANSFORMS.build(GEOMETRY[2]), []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        out = crop(sample(sample_idx=3))
        assert out['sample_key'] is not None  # the same for all transforms of the sample
        draws.append(out['intrinsics'].tobytes())
    assert draws[0] == draws[1] != draws[2]


def test_what_draws_nothing_asks_for_no_key():
    state = torch.get_rng_state()
    pack = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))
    for step in (dict(type='mmvd.RGBDResize', size=45), dict(type='mmvd.RGBDCenterCrop', size=40)):
        about = pack(TRANSFORMS.build(step)(sample(sample_idx=3)))['data_samples'].metainfo
        assert about['sample_idx'] == 3 and 'sample_key' not in about
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    'image',
    [np.zeros((H, W), np.uint8), np.zeros((H, W, 3), np.uint16), np.zeros((H, W, 4), np.uint8)],
    ids=['one channel', '16 bit', 'four channels'],
)
def test_only_eight_bit_colour_is_packed(image):
    with pytest.raises(SampleError, match='where .H, W, 3. uint8 is expected'):
        TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(sample(img=image))


def test_random_transforms_share_the_device_functions():
    start = sample(5, depth=np.random.default_rng(0).random((H, W)).astype(np.float32) * 3 + 0.5)
    start.pop('gt_depth'), start.pop('removed_mask')
    key = torch.tensor([start['sample_idx'].key])
    depth = torch.from_numpy(start['depth'])[None, None]
    moved = TRANSFORMS.build(dict(type='mmvd.RandomDepth'))(dict(start))
    expected = ops.random_depth(depth, key)
    np.testing.assert_array_equal(moved['depth'], expected[0, 0].numpy())
    masked = TRANSFORMS.build(dict(type='mmvd.RandomDensityMask'))(dict(moved))
    removed = ops.random_density_mask((expected > 0)[:, 0], ops.draw_density(key, 0.5, 0.3), key)
    np.testing.assert_array_equal(masked['removed_mask'], removed[0].numpy())
    np.testing.assert_array_equal(masked['gt_depth'], moved['depth'])
    assert (masked['depth'][masked['removed_mask']] == 0).all()
    denser = TRANSFORMS.build(dict(type='mmvd.RandomDensityMask'))(dict(start, gt_depth=np.ones((H, W))))
    assert (denser['gt_depth'] == 1).all()  # the truth that was there stays
    encoded = TRANSFORMS.build(dict(type='mmvd.PositionalDepthEncoding', num_channels=8))(dict(start))['depth']
    np.testing.assert_allclose(encoded, ops.positional_depth_encoding(depth, 8)[0].permute(1, 2, 0).numpy())


def test_load_depth(tmp_path):
    path = tmp_path / 'd.png'
    cv2.imwrite(str(path), np.full((30, 40), 1500, np.uint16))
    load = TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='mm16'))
    out = load(dict(depth_path=str(path), img=np.zeros((30, 40, 3), np.uint8)))
    assert out['depth'].dtype == np.float32 and (out['depth'] == 1.5).all() and 'depth' in out['seg_fields']
    wrong = dict(depth_path=str(path), img=np.zeros((60, 80, 3), np.uint8), img_path='i.jpg')
    with pytest.raises(SampleError, match='d.png: depth is 40x30 but i.jpg is 80x60.*resize_image'):
        load(dict(wrong))
    with pytest.raises(ConfigError, match='decoder'):
        TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='cm'))
    k = np.array([[100, 0, 39.5], [0, 100, 29.5], [0, 0, 1.0]])
    out = TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='mm16', resize_image=True))(dict(wrong, intrinsics=k))
    assert out['img'].shape == (30, 40, 3)
    np.testing.assert_allclose(out['intrinsics'], [[50, 0, 19.5], [0, 50, 14.5], [0, 0, 1]])
    assert camera_fits(out)
    moved = TRANSFORMS.build(dict(type='mmcv.Resize', scale=(120, 90)))(dict(wrong, intrinsics=k, ori_shape=(60, 80)))
    late = TRANSFORMS.build(dict(type='mmvd.LoadDepth', decoder='mm16', resize_image=True))(moved)
    assert not camera_fits(late)  # a host had moved the image alone


def test_require_depth():
    require = TRANSFORMS.build(dict(type='mmvd.RequireDepth', min_valid_pixels=10))
    require(sample())
    require(sample(depth=np.eye(10)))  # as many as are needed
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(TooLittleDepthError, match='x.png has 0 pixels'):
            require(sample(depth=np.full((H, W), bad, np.float32)))


def test_pack():
    pack = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))
    out = pack(sample(2, removed_mask=np.zeros((H, W), bool)))
    assert out['inputs'].shape == (3, H, W) and out['depth'].shape == out['gt_depth'].shape == out[
        'removed_mask'
    ].shape == (1, H, W)
    assert out['data_samples'].sample_key == KeyedIndex(2, 0, 0).key
    with pytest.raises(SampleError, match='moved one without the other'):
        pack(sample(depth=np.zeros((H, W + 1), np.float32)))
    with pytest.raises(ConfigError, match='no depth'):
        pack(sample(depth=None))


def test_pack_with_the_hosts_packer():
    pytest.importorskip('mmseg')
    pack = TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs', packer=dict(type='mmseg.PackSegInputs')))
    out = pack(sample(2, seg_map_path='', ori_shape=(H, W), img_shape=(H, W), seg_fields=['gt_seg_map', 'depth']))
    assert out['data_samples'].gt_sem_seg.data.shape == (1, H, W) and out['depth'].shape == (1, H, W)
    assert out['data_samples'].sample_key is not None


def test_bicubic_is_torchvisions():
    """As the authors' classification resizes; what OpenCV calls bicubic has aliasing when it shrinks."""
    img = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    reference = (
        resize(torch.from_numpy(img).movedim(-1, 0), [48, 64], InterpolationMode.BICUBIC, antialias=True)
        .movedim(0, -1)
        .numpy()
    )
    start = dict(img=img, depth=np.ones((90, 120), np.float32), sample_idx=KeyedIndex(0, 0, 0))
    found = TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=(48, 64), interpolation='bicubic'))(dict(start))
    assert np.abs(found['img'].astype(int) - reference).max() <= 1 and found['depth'].shape == (48, 64)
    plain = TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=(48, 64)))(dict(start))
    assert np.abs(plain['img'].astype(int) - reference).max() > 5
    crop = dict(type='mmvd.RGBDRandomResizedCrop', size=48, scale=(1, 1), ratio=(120 / 90, 120 / 90), pad=False)
    reference = (
        resize(torch.from_numpy(img).movedim(-1, 0), [48, 48], InterpolationMode.BICUBIC, antialias=True)
        .movedim(0, -1)
        .numpy()
    )
    assert (
        np.abs(TRANSFORMS.build(dict(crop, interpolation='bicubic'))(dict(start))['img'].astype(int) - reference).max()
        <= 1
    )
    with pytest.raises(ConfigError, match='interpolation must be one of area, bicubic'):
        TRANSFORMS.build(dict(crop, interpolation='cubic'))


@pytest.mark.parametrize('ratio', [(3 / 4, 4 / 3), (2, 3), (0.2, 0.5), (1, 1)])
@pytest.mark.parametrize('shape', [(60, 80), (40, 200), (200, 40)])
def test_a_crop_that_does_not_fit_is_torchvisions(shape, ratio):
    """The whole area fits but for luck: after ten misses it is the largest one in the middle."""
    crop = TRANSFORMS.build(dict(type='mmvd.RGBDRandomResizedCrop', size=8, scale=(1, 1), ratio=ratio, pad=False))
    torch.manual_seed(0)
    wanted = Counter(RandomResizedCrop.get_params(torch.empty(3, *shape), [1, 1], list(ratio)) for _ in range(20))
    found = Counter(crop._draw(np.random.default_rng(seed), *shape) for seed in range(20))
    assert found.most_common(1)[0][0] == wanted.most_common(1)[0][0]


@pytest.mark.parametrize('owner', ['mmdet.RandomFlip', 'mmpretrain.RandomFlip'])
def test_a_hosts_flip_that_leaves_the_depth_is_found(owner):
    flip = TRANSFORMS.build(dict(type=owner, prob=1.0))
    sample = dict(img=np.zeros((8, 9, 3), np.uint8), depth=np.ones((8, 9), np.float32), img_shape=(8, 9), img_path='a')
    with pytest.raises(SampleError, match='mirrored the image and not its depth'):
        TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(flip(sample))


def test_resizes_add_up_to_one_scale_factor():
    sample = dict(img=np.zeros((40, 60, 3), np.uint8), depth=np.ones((40, 60), np.float32))
    for size, expected in (((20, 15), (0.25, 0.5)), ((80, 60), (1.0, 2.0))):
        sample = TRANSFORMS.build(dict(type='mmvd.RGBDResize', size=size))(sample)
        np.testing.assert_allclose(sample['scale_factor'], expected)  # x, y, as mmdet divides boxes by it


def test_rotation_keeps_the_scale():
    step = TRANSFORMS.build(dict(type='mmvd.RGBDRandomRotate', max_degrees=180, prob=1.0))
    camera = np.array([[50.0, 0, 20], [0, 50, 15], [0, 0, 1]], np.float32)
    for n in range(5):
        found = step(dict(img=np.zeros((30, 40, 3), np.uint8), intrinsics=camera, sample_idx=KeyedIndex(n, 0, 0)))
        turned = found['intrinsics'][:2, :2] / 50
        np.testing.assert_allclose(turned @ turned.T, np.eye(2), atol=1e-5)

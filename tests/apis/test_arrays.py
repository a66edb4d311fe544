"""Arrays, tensors and pictures: every layout and unit, and every doubt."""

import io
import struct

import cv2
import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from mmvd.apis.arrays import depth_batch, rgb_batch
from mmvd.errors import ConfigError, DepthFileError, MMVDError, SampleError
from tests.apis.test_inputs import DEPTH, RGB
from tests.conftest import logged
from tests.doors import files as files_of_doors


@pytest.mark.parametrize(
    'value, is_batch',
    [
        (RGB, False),
        (RGB.transpose(2, 0, 1), False),
        (torch.from_numpy(RGB), False),
        (torch.from_numpy(RGB).permute(2, 0, 1), False),
        (RGB[None], True),
        (RGB.transpose(2, 0, 1)[None], True),
        (torch.from_numpy(RGB).permute(2, 0, 1)[None], True),
        (Image.fromarray(RGB), False),
        (Image.fromarray(RGB).convert('RGBA'), False),
        (RGB.astype(np.int64), False),
        (RGB.astype('>i4'), False),
        (RGB.astype(np.float64), False),
        (torch.from_numpy(RGB).half(), False),
        (np.asfortranarray(RGB)[:, ::-1][:, ::-1], False),
    ],
)
def test_layouts_of_images(value, is_batch):
    batch, found = rgb_batch(value)
    assert found == is_batch
    np.testing.assert_array_equal(batch[0].numpy(), RGB.transpose(2, 0, 1).astype(batch.numpy().dtype))


@pytest.mark.parametrize(
    'value, unit',
    [
        (DEPTH, None),
        (DEPTH[..., None], None),
        (DEPTH[None], None),
        (torch.from_numpy(DEPTH), None),
        (torch.from_numpy(DEPTH)[None, None], None),
        (DEPTH.astype(np.float64), None),
        (Image.fromarray(DEPTH), None),
        (DEPTH * 1000, 'mm'),
        ((DEPTH * 1000).round().astype(np.uint16), 'mm'),
        (Image.fromarray((DEPTH * 1000).round().astype(np.uint16)), 'mm'),
        ((DEPTH * 1000).round().astype('>u2'), 'mm'),
    ],
)
def test_layouts_and_units_of_depth(value, unit):
    found = depth_batch(value, (1, 20, 30), unit)
    assert found.shape == (1, 1, 20, 30)
    np.testing.assert_allclose(found[0, 0].numpy(), DEPTH, atol=6e-4)


def test_whole_numbers_may_be_metres_if_said():
    assert depth_batch(np.full((20, 30), 3), (1, 20, 30), 'm').unique().tolist() == [3.0]
    far = np.full((20, 30), 500.0, np.float32)
    assert depth_batch(far, (1, 20, 30), 'm').unique().tolist() == [500.0]


def test_a_mask_means_missing():
    masked = np.ma.masked_array(DEPTH, DEPTH < 2)
    np.testing.assert_array_equal(depth_batch(masked, (1, 20, 30))[0, 0], np.where(DEPTH < 2, 0, DEPTH))


def test_pictures_with_several_frames_or_a_turn():
    animated = Image.open(io.BytesIO(files_of_doors.animated('GIF')))
    with pytest.raises(SampleError, match='2 frames'):
        rgb_batch(animated)
    turned = Image.open(io.BytesIO(files_of_doors.turned('PNG', 6)))
    with pytest.raises(SampleError, match='EXIF data turn'):
        rgb_batch(turned, has_depth=True)
    np.testing.assert_array_equal(rgb_batch(turned)[0][0].permute(1, 2, 0), np.rot90(files_of_doors.RGB, 3))


def test_pictures_of_phones_are_those_of_their_files(tmp_path):
    """With previews behind the photo, and an orientation that the standard does not have."""
    photo, preview = (Image.fromarray(np.full((side, side, 3), 90, np.uint8)) for side in (20, 8))
    photo.save(tmp_path / 'phone.jpg', 'MPO', save_all=True, append_images=[preview])
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 9
    photo.save(tmp_path / 'odd.jpg', exif=exif)
    for name in ('phone.jpg', 'odd.jpg'):
        found = rgb_batch(Image.open(tmp_path / name), has_depth=True)[0]
        assert (found[0].float() - 90).abs().max() <= 1 and found[0].shape == (3, 20, 20)
        assert rgb_batch(tmp_path / name, has_depth=True)[0][0].shape == (3, 20, 20)


def test_whole_numbers_in_numpy_files_need_a_unit(tmp_path):
    np.save(tmp_path / 'd.npy', (DEPTH * 1000).round().astype(np.uint16))
    found = depth_batch(tmp_path / 'd.npy', (1, 20, 30), 'mm')
    np.testing.assert_allclose(found[0, 0], DEPTH, atol=6e-4)
    with pytest.raises(DepthFileError, match="depth_unit='mm'"):
        depth_batch(tmp_path / 'd.npy', (1, 20, 30))
    cv2.imwrite(str(tmp_path / 'd.png'), (DEPTH * 1000).astype(np.uint16))
    with pytest.raises(ConfigError, match='say their unit themselves'):
        depth_batch(tmp_path / 'd.png', (1, 20, 30), 'm')


def test_what_is_no_measurement_is_missing():
    depth = DEPTH.copy()
    depth[0, :4] = (np.nan, np.inf, -1, 0)
    assert (depth_batch(depth, (1, 20, 30))[0, 0, 0, :4] == 0).all()


@pytest.mark.parametrize('dtype', [np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_the_clipped_end_of_16_bits_is_missing_whatever_holds_it(dtype):
    clipped = np.full((20, 30), 65535, dtype)
    assert (depth_batch(clipped, (1, 20, 30), 'mm') == 0).all()
    if dtype != np.uint16:  # not clipped there: a map with more, which has no say in that beside it
        both = np.stack((clipped, np.where(np.eye(20, 30) > 0, 70000, clipped)))
        found = depth_batch(both, (2, 20, 30), 'mm')
        assert (found[0] == 0).all() and (found[1] >= 65.5).all()


def test_what_is_far_away_in_a_file_is_missing_also_where_its_unit_is_said(tmp_path):
    np.save(tmp_path / 'd.npy', np.where(np.arange(20)[:, None] < 3, 65504, DEPTH))
    for unit in (None, 'm'):
        found = depth_batch(tmp_path / 'd.npy', (1, 20, 30), unit)
        assert (found[0, 0, :3] == 0).all() and found.max() < 100


def test_a_decoder_is_for_files():
    for depth in (DEPTH, Image.fromarray((DEPTH * 1000).astype(np.uint16))):
        with pytest.raises(ConfigError, match="decoder='div5000': depth is no file"):
            depth_batch(depth, (1, 20, 30), 'mm', 'div5000')


def test_depth_of_pil_is_read_now(tmp_path):
    cv2.imwrite(str(tmp_path / 'd.png'), np.random.default_rng(0).integers(1, 9999, (20, 30), np.uint16))
    whole = (tmp_path / 'd.png').read_bytes()
    (tmp_path / 'd.png').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SampleError, match='depth: a PIL image of mode I;16 that cannot be read'):
        depth_batch(Image.open(tmp_path / 'd.png'), (1, 20, 30), 'mm')
    pages = [Image.fromarray(np.full((20, 30), value, np.uint16)) for value in (1, 2)]
    pages[0].save(tmp_path / 'd.tiff', save_all=True, append_images=pages[1:])
    with pytest.raises(SampleError, match='depth has 2 frames'):
        depth_batch(Image.open(tmp_path / 'd.tiff'), (1, 20, 30), 'mm')


BAD_RGB = [
    (RGB.astype(np.uint16) * 257, 'x / 257'),
    (RGB / 255.0, r'x \* 255'),
    (RGB.astype(np.float32) - 300, '0..255'),
    (np.full((4, 4, 3), np.nan, np.float32), 'NaN'),
    (RGB[..., 0], r'must be \(H, W, 3\)'),
    (RGB[..., :2], r'must be \(H, W, 3\)'),
    (np.zeros((0, 4, 3), np.uint8), 'at least one'),
    (np.zeros((4, 4, 3), bool), 'bool'),
    (np.zeros((4, 4, 3), complex), 'complex'),
    (np.array([[['a'] * 3]]), 'numbers are expected'),
    (np.array([None, 1]), 'numbers are expected'),
    (3.0, 'float: give an array'),
    (None, 'NoneType: give an array'),
    (torch.zeros(2, 2, 3).to_sparse(), 'sparse'),
    (torch.zeros(2, 2, 3, device='meta'), 'without values'),
    (Image.fromarray(np.zeros((4, 4), np.uint16)), 'mode I;16'),
    (Image.new('CMYK', (4, 4)), 'mode CMYK'),
    (Image.new('F', (4, 4)), 'mode F'),
    ('none.png', 'none.png: no such image file'),
    (RGB / 250.0, r'x \* 255'),  # an overshoot of resampling
    (np.stack((RGB.astype(np.float32), RGB / 255.0)), r'x \* 255'),  # one of a batch
    (np.ma.masked_less(RGB, 9), 'masked'),
    (torch.quantize_per_tensor(torch.rand(4, 4, 3), 1.0, 0, torch.quint8), 'sparse|values'),
]


@pytest.mark.parametrize('value, match', BAD_RGB, ids=[str(i) for i in range(len(BAD_RGB))])
def test_bad_images(value, match):
    with pytest.raises(SampleError, match=match):
        rgb_batch(value)


BAD_DEPTH = [
    ((DEPTH * 1000).astype(np.uint16), None, "depth_unit='mm'"),
    (DEPTH * 1000, None, "depth_unit='mm'"),
    (np.where(DEPTH > 4, 5000, DEPTH), None, 'sky'),
    (DEPTH[:5], None, 'does not fit rgb'),
    (DEPTH.T, None, 'does not fit rgb'),
    (np.stack([DEPTH] * 2), None, 'does not fit rgb'),
    (np.zeros((20, 30), bool), None, 'bool'),
    (np.zeros((20, 30), complex), None, 'complex'),
    (np.zeros((0, 30)), None, 'at least one'),
    (np.array([None] * 600).reshape(20, 30), None, 'numbers are expected'),
    (Image.fromarray(RGB[..., 0]), None, '8-bit pictures hold no metric depth'),
    (Image.fromarray(RGB), None, '8-bit pictures hold no metric depth'),
    ('deep', None, 'no such depth file'),
    (2.0, None, 'float: give an array'),
    (DEPTH, 'cm', 'depth_unit must be one of m, mm'),
    (DEPTH, ['m'], 'depth_unit must be one of m, mm'),
]


@pytest.mark.parametrize('value, unit, match', BAD_DEPTH, ids=[str(i) for i in range(len(BAD_DEPTH))])
def test_bad_depth(value, unit, match):
    with pytest.raises(MMVDError, match=match):
        depth_batch(value, (1, 20, 30), unit)


@pytest.mark.parametrize('ending', ['npy', 'exr', 'pfm'])
def test_millimetres_of_float_files(tmp_path, monkeypatch, ending):
    """Ten metres are ten thousand millimetres, which no file in metres holds."""
    far = np.full((20, 30), 12000, np.float32)
    far[:10] = 3000
    path = tmp_path / f'd.{ending}'
    if ending == 'npy':
        np.save(path, far)
    elif ending == 'exr':
        cv2.imwrite(str(path), far)
    else:
        path.write_bytes(b'Pf\n30 20\n-1.0\n' + far[::-1].astype('<f4').tobytes())
    told = logged(monkeypatch)
    metres = depth_batch(path, (1, 20, 30), 'mm')
    assert metres[0, 0, :10].unique() == 3 and metres[0, 0, 10:].unique() == 12 and not told


def test_the_sky_of_a_renderer_is_missing_in_metres(tmp_path):
    far = np.full((20, 30), 2, np.float32)
    far[:5] = 1e10
    cv2.imwrite(str(tmp_path / 'd.exr'), far)
    for unit in (None, 'm'):
        assert depth_batch(tmp_path / 'd.exr', (1, 20, 30), unit).unique().tolist() == [0, 2]
    with pytest.raises(SampleError, match='set what is no measurement .sky. to 0'):
        depth_batch(tmp_path / 'd.exr', (1, 20, 30), 'mm')


def test_pictures_that_pil_cannot_read(tmp_path):
    Image.fromarray(RGB).resize((300, 200)).save(tmp_path / 'a.jpg')
    (tmp_path / 'a.jpg').write_bytes((tmp_path / 'a.jpg').read_bytes()[:1500])
    (tmp_path / 'a.qoi').write_bytes(b'qoif' + struct.pack('>IIBB', 30, 20, 3, 0) + b'\xfe\1\2\3')
    for image in (Image.open(tmp_path / 'a.jpg'), Image.open(tmp_path / 'a.qoi'), Image.new('La', (30, 20))):
        with pytest.raises(SampleError, match='that cannot be read as RGB'):
            rgb_batch(image)


def test_colours_of_eight_bit_floats():
    batch, _ = rgb_batch((torch.rand(20, 30, 3) * 8).round().mul(16).to(torch.float8_e5m2))
    assert batch.dtype == torch.float32


def test_a_decoder_beside_an_array_must_be_known():
    with pytest.raises(ConfigError, match='unknown depth decoder'):
        depth_batch(DEPTH, (1, 20, 30), None, 'foo')

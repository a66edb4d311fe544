"""The one input reader: every kind, every layout, every doubt."""

import io
from collections import deque

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmvd.apis.arrays import depth_batch, rgb_batch
from mmvd.apis.inputs import InputReader
from mmvd.errors import ConfigError, DepthFileError, MMVDError, SampleError
from tests.doors import files as files_of_doors

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
DEPTH = np.random.default_rng(1).uniform(0.5, 5, (20, 30)).astype(np.float32)


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
    clipped = np.full((20, 30), 65535, np.uint16)
    assert (depth_batch(clipped, (1, 20, 30), 'mm') == 0).all()


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


def read(*args, **settings):
    return [source.read() for source in InputReader(**settings).sources(*args)]


@pytest.fixture
def files(tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f'{index}_rgb.png'), RGB[..., ::-1])
        cv2.imwrite(str(tmp_path / f'{index}_depth.png'), (DEPTH * 1000).round().astype(np.uint16))
    return tmp_path


def test_every_kind_of_input(files):
    image, depth = files / '0_rgb.png', files / '0_depth.png'
    for args in [
        (RGB, DEPTH),
        ((RGB, DEPTH),),
        (dict(rgb=RGB, depth=DEPTH),),
        ([RGB], [DEPTH]),
        ([(RGB, DEPTH)],),
        (RGB[None], DEPTH[None]),
        (iter([RGB]), iter([DEPTH])),
        (Image.fromarray(RGB), torch.from_numpy(DEPTH)),
        (image, depth),
        (str(image), str(depth)),
        (str(image).encode(), depth),
        ((image, depth),),
        ([(image, depth)],),
        ((image, DEPTH),),
    ]:
        (frame,) = read(*args)
        np.testing.assert_array_equal(frame.rgb, RGB)
        np.testing.assert_allclose(frame.depth_m, DEPTH, atol=6e-4)
        assert not frame.rgb_only and frame.rgb.dtype == np.uint8 and frame.depth_m.dtype == np.float32
    (alone,) = read(RGB)
    assert alone.rgb_only and not alone.depth_m.any()
    frames = read(files, files)
    assert [frame.name for frame in frames] == ['0_rgb', '1_rgb', '2_rgb']
    assert [frame.name for frame in read([RGB, image, RGB])] == ['00000000', '0_rgb', '00000002']
    assert len(read([files, RGB])) == 4  # a folder within a list


def test_any_iterable():
    for inputs in (deque([RGB, RGB]), ([RGB, RGB][i] for i in range(2)), {1: (RGB, DEPTH), 2: (RGB, DEPTH)}.values()):
        assert len(read(inputs)) == 2


def test_one_by_one_everything_is_told_when_it_is_read(files):
    sources = InputReader(one_by_one=True).sources([(RGB, DEPTH), (RGB[..., 0], DEPTH), RGB])
    assert [isinstance(source.path, str) for source in sources] == [True] * 3
    with pytest.raises(SampleError, match='must be'):
        sources[1].read()
    (files / '1_depth.png').unlink()
    with pytest.raises(SampleError, match='no depth file of this name'):
        InputReader().sources(files, files)
    sources = InputReader(one_by_one=True).sources(files, files)
    assert sources[0].read().name == '0_rgb'
    with pytest.raises(SampleError, match='1_rgb.png: no depth file of this name in '):
        sources[1].read()


def test_a_video_is_read_as_it_comes():
    def frames():
        yield RGB
        raise AssertionError('read too far')

    assert next(iter(InputReader().sources(frames()))).read().name == '00000000'


def test_formats_of_depth_files(files, tmp_path):
    np.save(tmp_path / 'd.npy', DEPTH)
    (frame,) = read(files / '0_rgb.png', tmp_path / 'd.npy')
    np.testing.assert_array_equal(frame.depth_m, DEPTH)
    np.save(tmp_path / 'mm.npy', DEPTH * 1000)
    with pytest.raises(SampleError, match=r"mm.npy.*depth_unit='mm'"):
        read(files / '0_rgb.png', tmp_path / 'mm.npy')
    (frame,) = read(files / '0_rgb.png', tmp_path / 'mm.npy', depth_unit='mm')
    np.testing.assert_allclose(frame.depth_m, DEPTH, rtol=1e-6)
    (frame,) = read(files / '0_rgb.png', files / '0_depth.png', decoder='div5000')
    np.testing.assert_allclose(frame.depth_m, DEPTH / 5, atol=2e-4)
    (frame,) = read(files / '0_rgb.png', files / '0_depth.png', depth_unit='mm')  # a PNG is in millimetres anyway
    np.testing.assert_allclose(frame.depth_m, DEPTH, atol=6e-4)


BAD_CALLS = [
    (([RGB, RGB], [DEPTH]), {}, '1 depth maps were given for 2 images'),
    ((iter([RGB, RGB]), iter([DEPTH])), {}, 'differ in number'),
    (([RGB, RGB], DEPTH), {}, 'one depth was given for several images'),
    (([],), {}, 'no images were given'),
    (((RGB, DEPTH, 1),), {}, 'a pair is'),
    (((RGB, DEPTH), DEPTH), {}, 'and depth beside it'),
    ((dict(image=RGB),), {}, 'the keys rgb and depth'),
    ((dict(rgb=RGB, depth=DEPTH), DEPTH), {}, 'the keys rgb and depth'),
    ((5,), {}, 'int: give an array'),
    ((RGB, DEPTH), dict(decoder='png'), 'unknown depth decoder'),
    ((RGB, DEPTH), dict(depth_unit='km'), 'depth_unit must be one of'),
]


@pytest.mark.parametrize('args, settings, match', BAD_CALLS, ids=[str(i) for i in range(len(BAD_CALLS))])
def test_bad_calls(args, settings, match):
    with pytest.raises(MMVDError, match=match):
        read(*args, **settings)


def test_bad_files(files, tmp_path):
    image = files / '0_rgb.png'
    with pytest.raises(SampleError, match='a folder of images needs a folder'):
        read(files, DEPTH)
    with pytest.raises(DepthFileError, match='no such depth file'):
        read(image, tmp_path / 'none.png')
    cv2.imwrite(str(tmp_path / 'small.png'), np.full((5, 5), 1000, np.uint16))
    with pytest.raises(SampleError, match='registered'):
        read(image, tmp_path / 'small.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / 'turned.webp', exif=exif, lossless=True)
    with pytest.raises(SampleError, match='turned.webp: its EXIF data turn'):
        read(tmp_path / 'turned.webp', files / '0_depth.png')
    (frame,) = read(tmp_path / 'turned.webp')  # alone it is turned
    np.testing.assert_array_equal(frame.rgb, np.rot90(RGB, 3))


@pytest.mark.parametrize('name', ['with space.png', 'ünïcödé.png', 'line\nbreak.png', b'\xfe.png', '-dash.png'])
def test_names_of_any_bytes(tmp_path, name):
    import os

    path = os.path.join(os.fsencode(tmp_path), os.fsencode(name))
    with open(path, 'wb') as file:
        file.write(cv2.imencode('.png', RGB[..., ::-1])[1].tobytes())
    (source,) = InputReader().sources(path)
    assert '\n' not in source.path and source.path.isprintable()
    np.testing.assert_array_equal(source.read().rgb, RGB)
    with open(path, 'wb') as file:
        file.write(b'junk')
    with pytest.raises(SampleError) as error:
        source.read()
    assert str(error.value).isprintable()


def test_errors_are_config_errors_where_arguments_are_wrong():
    with pytest.raises(ConfigError):
        InputReader(depth_unit='inch')

"""The one input reader: every kind of input, every doubt."""

from collections import deque

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from mmvd.apis.inputs import InputReader
from mmvd.errors import ConfigError, DepthFileError, MMVDError, SampleError

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
DEPTH = np.random.default_rng(1).uniform(0.5, 5, (20, 30)).astype(np.float32)


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


def test_depth_without_a_measurement_is_none():
    (frame,) = read(RGB, np.where(DEPTH > 0, np.nan, DEPTH))
    assert frame.rgb_only and not frame.depth_m.any()


@pytest.mark.parametrize('kind', [np.asarray, torch.from_numpy])
def test_batches_are_several_frames(kind):
    rgb = np.stack([np.full((4, 5, 3), 10 * n, np.uint8) for n in range(1, 4)])
    depth = np.stack([np.full((4, 5), n, np.float32) for n in range(1, 4)])
    for given in (None, depth):
        frames = [each.read() for each in InputReader().sources(kind(rgb), None if given is None else kind(given))]
        assert [(each.name, each.rgb[0, 0, 0]) for each in frames] == [
            ('00000000', 10),
            ('00000001', 20),
            ('00000002', 30),
        ]
        assert [each.depth_m[0, 0] for each in frames] == ([0, 0, 0] if given is None else [1, 2, 3])

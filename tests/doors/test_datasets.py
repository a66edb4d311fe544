"""Folders, lists and camera files of datasets: what cannot be read as it stands is told in a line."""

import json

import cv2
import numpy as np
import pytest

from mmvd.datasets.listing import read_list
from mmvd.errors import ConfigError, MissingInputsError, MMVDError, SampleError
from mmvd.registry import DATASETS, TRANSFORMS
from tests.doors.test_arguments import INF, NAN, ids


@pytest.fixture
def pairs(tmp_path):
    for name in ('a', 'b'):
        cv2.imwrite(str(tmp_path / f'{name}_rgb.png'), np.zeros((8, 8, 3), np.uint8))
        cv2.imwrite(str(tmp_path / f'{name}_depth.png'), np.full((8, 8), 1000, np.uint16))
    depth_from = ('_rgb', '_depth')
    pairs = dict(data_root=str(tmp_path), images='*_rgb.png', depth_from=depth_from)
    return dict(pairs, type='mmvd.RGBDDataset', decoder='mm16')


RGBD_ROWS = [
    (dict(decoder='png'), 'unknown depth decoder'),
    (dict(depth_from=('(', '')), 'depth_from'),
    (dict(depth_from=('_rgb', '_depth', '')), 'depth_from'),
    (dict(depth_from=None), 'images needs depth_from'),
    (dict(depth_from=('nothing', 'x')), 'makes the image its own depth'),
    (dict(exclude='['), 'exclude'),
    (dict(images='/etc/*.png'), 'must be a glob below data_root'),
    (dict(images='../*.png'), 'must be a glob below data_root'),
    (dict(images='*.tiff'), 'no image matches'),
    (dict(ann_file='l.txt'), 'either ann_file or images'),
    (dict(intrinsics=(1, 2, 3)), 'intrinsics must be 4 numbers'),
    (dict(intrinsics=(-1, 2, 3, 4)), 'focal length fx'),
    (dict(intrinsics=(1, 0, 3, 4)), 'focal length fy'),
    (dict(intrinsics=(1, NAN, 3, 4)), 'intrinsics'),
    (dict(intrinsics='pinhole'), 'intrinsics'),
    (dict(camera_from=3), 'camera_from'),
    (dict(camera_from=('_rgb.png', '.txt')), 'a.txt: no such file of intrinsics: fetch it, or set camera_from=None'),
    (dict(camera_from=('a', 'b'), intrinsics=(9, 9, 1, 1)), 'either intrinsics or camera_from'),
    (dict(resize_image='no'), 'resize_image'),
    (dict(indices=9), 'asks for more than the 2 samples'),
    (dict(indices=[0, 5]), 'asks for more than the 2 samples'),
    (dict(indices=[2]), 'asks for more than the 2 samples'),
    (dict(colour=3), 'unknown arguments colour'),
    (dict(indices=0), 'indices must be a number of samples'),
    (dict(indices=[]), 'indices must be a number of samples'),
    (dict(indices='x'), 'indices must be a number of samples'),
    (dict(indices=True), 'indices must be a number of samples'),
    (dict(depth_from=('^.*$', 'a_depth.png')), 'gives it to a_rgb.png and to b_rgb.png'),
    (dict(data_root=3), 'must be texts'),
    (dict(images=3), 'must be texts'),
    (dict(decoder=['mm16']), 'unknown depth decoder'),
    (dict(test_mode='no'), 'test_mode must be True or False'),
]


@pytest.mark.parametrize('change, match', RGBD_ROWS, ids=ids(RGBD_ROWS))
def test_folders_of_pairs(pairs, change, match):
    with pytest.raises(MMVDError, match=match) as error:
        DATASETS.build({**pairs, **change})
    assert '\n' not in str(error.value)


def test_images_without_bytes_are_named(pairs, tmp_path):
    (tmp_path / 'a_rgb.png').write_bytes(b'')
    load = dict(type='LoadImageFromFile', ignore_empty=True)
    data = DATASETS.build(dict(pairs, pipeline=[load], test_mode=True))
    with pytest.raises(SampleError, match='a_rgb.png'):
        data[0]


LISTS = [
    ('a_rgb.png a_depth.png'.encode('utf-16'), 'UTF-16'),
    ('ä_rgb.png a_depth.png'.encode('latin-1'), 'line 1: a list must be UTF-8'),
    (b'a_rgb.png a_depth.png\n\xff\xfe b', 'line 2: a list must be UTF-8'),
    (b'a_rgb.png\0 a_depth.png', 'no text'),
    (b'\x89PNG\r\n\x1a\n\0\0', 'no text'),
    (b'a_rgb.png', 'line 1: expected "image depth"'),
    (b'a_rgb.png a_depth.png x.png', 'line 1: expected "image depth"'),
    (b'my image.png my depth.png', 'put a tab between names'),
    (b'a_rgb.png\t', 'line 1: expected "image depth"'),
    (b'a_rgb.png ./a_rgb.png', 'makes the image its own depth'),
    (b'a_rgb.png a_depth.png\nb_rgb.png ./a_depth.png', 'gives it to a_rgb.png and to b_rgb.png'),
    (b'a_rgb.png a_rgb.png', 'makes the image its own depth'),
    (b'', 'no image matches'),
    (b'\n\n  \n', 'no image matches'),
]


@pytest.mark.parametrize('data, match', LISTS, ids=ids(LISTS))
def test_lists(pairs, tmp_path, data, match):
    (tmp_path / 'l.txt').write_bytes(data)
    config = {key: value for key, value in pairs.items() if key not in ('images', 'depth_from')}
    with pytest.raises((ConfigError, MissingInputsError), match=match) as error:
        DATASETS.build(dict(config, ann_file='l.txt'))
    assert '\n' not in str(error.value)


def test_good_lists(tmp_path):
    path = tmp_path / 'l.txt'
    path.write_bytes('﻿a b\r\nmy image.png\tmy depth.png\r\n\r\nü.png\td.png'.encode())
    assert read_list(path, ('image', 'depth')) == [('a', 'b'), ('my image.png', 'my depth.png'), ('ü.png', 'd.png')]
    with pytest.raises(MissingInputsError, match='no such list'):
        read_list(tmp_path / 'none.txt', ('image', 'depth'))


CAMERA = dict(cam_K=[60.0, 0, 4, 0, 60, 4, 0, 0, 1], depth_scale=1.0)


CAMERAS = [
    ('not json', 'no readable JSON'),
    ('[]', 'a list where an entry for each frame'),
    ('3', 'a int where an entry for each frame'),
    ('{}', 'no entry with depth_scale and cam_K'),
    (dict(CAMERA, depth_scale=0), 'depth_scale'),
    (dict(CAMERA, depth_scale=-1), 'depth_scale'),
    (dict(CAMERA, depth_scale=NAN), 'depth_scale'),
    (dict(CAMERA, depth_scale=INF), 'depth_scale'),
    (dict(CAMERA, depth_scale='1'), 'depth_scale'),
    (dict(CAMERA, depth_scale=None), 'depth_scale'),
    (dict(cam_K=CAMERA['cam_K']), 'depth_scale'),
    (dict(CAMERA, cam_K=[1, 2, 3]), 'cam_K'),
    (dict(CAMERA, cam_K=[-60.0, 0, 4, 0, 60, 4, 0, 0, 1]), 'cam_K: a camera matrix is'),
    (dict(CAMERA, cam_K=['a'] * 9), 'cam_K'),
    (dict(CAMERA, cam_K=None), 'cam_K'),
    (dict(CAMERA, cam_K=[60.0, 0, 4, 0, 60, 4, 7, 8, 9]), 'cam_K: a camera matrix is'),
    (dict(CAMERA, cam_K=[60.0, 0, 1e39, 0, 60, 4, 0, 0, 1]), 'cam_K: a camera matrix is'),  # no float32
    (dict(CAMERA, depth_scale=10**400), 'depth_scale'),
]


@pytest.mark.parametrize('content, match', CAMERAS, ids=ids(CAMERAS))
def test_bop_cameras(tmp_path, content, match):
    scene = tmp_path / 'test/000001'
    for kind, image in (('rgb', np.zeros((8, 8, 3), np.uint8)), ('depth', np.full((8, 8), 900, np.uint16))):
        (scene / kind).mkdir(parents=True)
        cv2.imwrite(str(scene / kind / '000000.png'), image)
    text = content if isinstance(content, str) else json.dumps({'0': content})
    (scene / 'scene_camera.json').write_text(text)
    with pytest.raises(MMVDError, match=match) as error:
        DATASETS.build(dict(type='mmvd.BOPDataset', data_root=str(tmp_path), split='test'))
    assert 'scene_camera.json' in str(error.value) and '\n' not in str(error.value)


SHAPES = [((8, 8), 'u1'), ((8, 8, 1), 'u1'), ((8, 8, 3), 'u2'), ((8, 8, 4), 'u1'), ((0, 8, 3), 'u1'), ((8, 8, 3), 'f4')]


@pytest.mark.parametrize('shape, dtype', SHAPES)
def test_images_that_are_not_packed(shape, dtype):
    image = np.zeros(shape, dtype)
    with pytest.raises(SampleError, match='where \\(H, W, 3\\) uint8 is expected'):
        TRANSFORMS.build(dict(type='mmvd.PackRGBDInputs'))(dict(img=image, depth=np.ones((8, 8), np.float32)))

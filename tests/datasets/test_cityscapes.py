"""Two stereo cameras took Cityscapes: each image is measured with its own, and what is not known is told."""

import json
import shutil

import numpy as np
import pytest

from mmvd.datasets import cityscapes
from mmvd.errors import ConfigError, MissingInputsError
from mmvd.registry import DATASETS
from tests.conftest import logged
from tests.datasets.test_archives import pack
from tests.fabricate import fabricate_cityscapes, fabricate_cityscapes_frame
from tools.dataset_converters.prepare import prepare

LOAD = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]
CAMERAS = dict(  # of cars of the release: an image of Aachen and one of the second camera
    aachen=(0.209313, 2262.52, 2265.3017905988554, 1096.98, 513.137),
    hamburg=(0.222126, 2268.36, 2225.5405988775956, 1048.64, 519.277),
)
PAIRS = dict(type='mmvd.CityscapesDepthDataset', images='leftImg8bit/train/*/*_leftImg8bit.png')


@pytest.fixture
def root(tmp_path):
    """Both cameras before a wall of known distance; the disparity that they see of it."""
    root = tmp_path / 'cityscapes'
    for city, (baseline, fx, fy, u0, v0) in CAMERAS.items():
        fabricate_cityscapes_frame(root, 0, factor=baseline * fx / (0.209313 * 2262.52))
        for part in ('leftImg8bit', 'disparity'):
            (root / part / 'train/city').rename(root / part / 'train' / city)
        path = root / f'camera/train/{city}/city_0_camera.json'
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(dict(extrinsic=dict(baseline=baseline), intrinsic=dict(fx=fx, fy=fy, u0=u0, v0=v0))))
    cityscapes._tell_of_one_camera.cache_clear()
    return root


def samples(root, **settings) -> dict[str, dict]:
    data = DATASETS.build(dict(PAIRS, data_root=str(root), pipeline=LOAD) | settings)
    return {sample['img_path'].split('/')[-2]: sample for sample in data}


def check(found: dict[str, dict]) -> None:
    for city, (_, fx, fy, u0, v0) in CAMERAS.items():
        np.testing.assert_allclose(found[city]['intrinsics'], [[fx, 0, u0], [0, fy, v0], [0, 0, 1]], rtol=1e-6)
    assert found['hamburg']['depth_scale'] == pytest.approx(0.222126 * 2268.36 / (0.209313 * 2262.52))
    np.testing.assert_allclose(found['aachen']['depth'], found['hamburg']['depth'], rtol=1e-3)


def test_each_image_is_measured_with_its_camera(root, monkeypatch):
    told = logged(monkeypatch)
    check(samples(root))
    prepare(dict(PAIRS, data_root=str(root)))
    check(samples(root))
    for part in ('leftImg8bit', 'disparity', 'camera'):
        pack(root / part, root / f'{part}_trainvaltest.zip')
    check(samples(root))
    assert not [text for text in told if 'cameras' in text]


@pytest.mark.parametrize('gone', ['camera/train/hamburg', 'camera'])
def test_cameras_that_come_later_or_change_make_an_index_stale(root, monkeypatch, gone):
    (root / gone).rename(root.parent / 'aside')
    if gone != 'camera':  # half an archive
        with pytest.raises(MissingInputsError, match='city_0_camera.json: no such camera, but others of camera/train'):
            samples(root)
        assert len(samples(root, camera_from=None)) == 2
        for image in list(root.glob('leftImg8bit/train/hamburg/*')):  # of its snippet one image has a camera
            target = root / 'leftImg8bit_sequence/train/hamburg' / image.name
            target.parent.mkdir(parents=True)
            shutil.copy(image, target)
        depth_from = (r'leftImg8bit_sequence/(.*)_leftImg8bit', r'disparity/\1_disparity')
        assert samples(root, images='leftImg8bit_sequence/train/*/*_leftImg8bit.png', depth_from=depth_from)
        shutil.rmtree(root / 'leftImg8bit_sequence')
    left_out = prepare(dict(PAIRS, data_root=str(root))).data_list.left_out
    assert left_out['count'] == (gone != 'camera')
    told = logged(monkeypatch)
    samples(root)
    assert len(told) == left_out['count']
    (root.parent / 'aside').rename(root / gone)
    check(samples(root))
    assert 'has changed since' in told[-1]
    prepare(dict(PAIRS, data_root=str(root)))
    path = root / 'camera/train/hamburg/city_0_camera.json'
    path.write_text(path.read_text().replace('0.222126', '0.444252'))
    assert samples(root)['hamburg']['depth_scale'] > 2


def test_depth_is_cut_at_150_m_of_its_own_camera(root):
    path = root / 'camera/train/hamburg/city_0_camera.json'
    before = samples(root)['hamburg']['depth']
    path.write_text(path.read_text().replace('0.222126', str(0.222126 * 8)))
    found = samples(root)['hamburg']['depth']
    np.testing.assert_allclose(found, np.where(before * 8 > 150, 0, before * 8), rtol=1e-4)
    assert (found == 0).any() and (found > 0).any()


def test_images_of_other_names_have_the_camera_that_they_are_given(root):
    """As foggy ones, made of the others."""
    for folder in (root / 'leftImg8bit/train').iterdir():
        (root / 'foggy' / folder.name).mkdir(parents=True)
        shutil.copy(folder / 'city_0_leftImg8bit.png', root / 'foggy' / folder.name / 'city_0.png')
    for name in ('gtCoarse.z01', 'gtCoarse.zip'):  # in parts, and nothing of it is read
        (root / name).write_bytes(b'x')
    foggy = dict(images='foggy/*/*.png', depth_from=(r'foggy/(.*)\.png', r'disparity/train/\1_disparity.png'))
    assert samples(root, **foggy)['hamburg']['intrinsics'][0, 0] == np.float32(2262.52)
    assert samples(root, **foggy, intrinsics=(9, 8, 7, 6))['hamburg']['intrinsics'][0, 0] == 9
    assert samples(root, intrinsics=(9, 8, 7, 6), exclude='^foggy')['hamburg']['depth_scale'] == 1
    for image in list((root / 'leftImg8bit').rglob('*.png')):
        target = root / 'leftImg8bit_foggy/train' / image.parent.name / 'city_0_leftImg8bit_foggy_beta_0.02.png'
        target.parent.mkdir(parents=True)
        image.rename(target)
    depth_from = (r'leftImg8bit_foggy/(.*)_leftImg8bit_.*', r'disparity/\1_disparity.png')
    check(samples(root, images='leftImg8bit_foggy/train/*/*.png', depth_from=depth_from))


def test_without_the_files_of_cameras_that_is_told(root, monkeypatch):
    shutil.rmtree(root / 'camera')
    told, found = logged(monkeypatch), samples(root)
    assert len([text for text in told if 'add camera_trainvaltest.zip' in text]) == 1
    np.testing.assert_allclose(found['aachen']['depth'] / found['hamburg']['depth'], 1.064, rtol=2e-3)
    assert found['hamburg']['depth_scale'] == 1
    _, fx, fy, u0, v0 = CAMERAS['aachen']
    np.testing.assert_allclose(found['hamburg']['intrinsics'], [[fx, 0, u0], [0, fy, v0], [0, 0, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        (dict(extrinsic=dict(baseline='x')), 'baseline must be a finite number'),
        (dict(extrinsic=dict(baseline=0)), 'baseline must be above 0'),
        (dict(extrinsic={}), "holds no camera of Cityscapes .KeyError: 'baseline'"),
        (dict(intrinsic=3), 'holds no camera of Cityscapes'),
        (dict(extrinsic=dict(baseline=222.126)), 'baseline in metres and focal lengths in pixels'),
        (dict(extrinsic=dict(baseline=0.000222)), 'baseline in metres and focal lengths in pixels'),
        (dict(intrinsic=dict(fx=2262.52, fy=1.0, u0=1, v0=1)), 'baseline in metres and focal lengths in pixels'),
    ],
)
def test_damaged_cameras(root, change, told):
    path = root / 'camera/train/hamburg/city_0_camera.json'
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ConfigError, match=f'hamburg/city_0_camera.json.*{told}'):
        samples(root)
    path.write_text('{')
    with pytest.raises(ConfigError, match='holds no camera'):
        samples(root)


def test_segmentation_reads_them_too(tmp_path):
    fabricate_cityscapes(tmp_path)
    path = tmp_path / 'camera/val/city/city_0_camera.json'
    path.parent.mkdir(parents=True)
    path.write_text(
        json.dumps(dict(extrinsic=dict(baseline=0.4186), intrinsic=dict(fx=2262.52, fy=2000.0, u0=1, v0=2)))
    )
    settings = dict(type='mmvd.CityscapesRGBDDataset', data_root=str(tmp_path), pipeline=[])
    train, val = (DATASETS.build(dict(settings, split=split)).get_data_info(0) for split in ('train', 'val'))
    assert train['depth_scale'] == 1 and val['depth_scale'] == pytest.approx(0.4186 / 0.209313)
    assert train['intrinsics'][0, 0] == np.float32(2262.52) and val['intrinsics'][1, 1] == 2000

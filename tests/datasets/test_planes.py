"""Every reader of the paper's datasets, on files in its layout: metres, planes and cameras come out as put in."""

import importlib
import sys

import numpy as np
import pytest

from mmvd.apis.preparation import paper_datasets
from mmvd.registry import DATASETS
from tests import fabricate
from tests.conftest import ROOT
from tests.planes import camera, mark_m, mark_px, normal, pixels, plane_m

LOAD = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth')]
OTHER_CAMERA = ('nyuv2', 'nyuv2_raw')  # of the release, see below
RELEASED = dict(  # camera_params.m of NYUv2's toolbox (raw: of the depth camera); an annotation in Cityscapes' scripts
    nyuv2=((480, 640), 518.85790117450188, 519.46961112127485, 325.58244941119034, 253.73616633400465),
    nyuv2_raw=((480, 640), 582.62448167737955, 582.69103270988637, 313.04475870804731, 238.44389626620386),
    cityscapes=((1024, 2048), 2262.52, 2265.3017905988554, 1096.98, 513.137),
)
STEP_M = dict(
    cityscapes=1.2e-3, void=2e-3, kitti=2e-3, matterport3d=2e-4, blendedmvs=1e-6, nyuv2_raw=0.03
)  # of 1 mm: half a step


@pytest.fixture(scope='module')
def fifteen(tmp_path_factory):
    """Root of all of them, and their configs."""
    root = fabricate.fabricate_fifteen(tmp_path_factory.mktemp('fifteen'))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / 'tools/dataset_converters')
        patch.setattr(sys, 'argv', ['sunrgbd.py', str(root / 'sunrgbd')])
        assert importlib.import_module('sunrgbd').main() == 0
        patch.setenv('MMVD_DATA', str(root))
        yield {name: dict(settings, pipeline=LOAD) for name, settings in paper_datasets().items()}


def seed_of(sample: dict) -> int:
    """Which drawing an image shows: the number in its name, or of MVIP's set."""
    path = sample['img_path'].replace('leftImg8bit', '')
    if '/r-' in path:
        return int(path[-5])
    return int(path.split('/')[-3]) if '_data/' in path else int(''.join(filter(str.isdigit, path.split('/')[-1]))[-4:])


@pytest.mark.parametrize('name', list(paper_datasets()))
def test_metres_planes_and_cameras(fifteen, name):
    dataset = DATASETS.build(fifteen[name])
    assert len(dataset) >= 3, len(dataset)
    scale = 10 if name == 'cityscapes' else 1  # its formula knows no near depth
    for sample in dataset:
        seed, depth = seed_of(sample), sample['depth'] / scale
        known = depth > 0
        assert known.mean() > 0.9
        np.testing.assert_allclose(depth[known], plane_m(seed)[known], atol=STEP_M.get(name, 6e-4))
        np.testing.assert_allclose(mark_px(sample['img']), (camera() @ mark_m(seed) / mark_m(seed)[2])[:2], atol=0.6)
        if name not in OTHER_CAMERA and '/image_03/' not in sample['img_path']:
            points = depth[..., None] * (pixels() @ np.linalg.inv(sample['intrinsics']).T)
            np.testing.assert_allclose((points @ normal(seed))[known], 1, atol=3e-3)
            seen = sample['intrinsics'] @ mark_m(seed)
            np.testing.assert_allclose(seen[:2] / seen[2], mark_px(sample['img']), atol=0.6)


@pytest.mark.parametrize(
    ('name', 'draw'),
    [
        ('nyuv2', fabricate.fabricate_nyuv2_frame),
        ('nyuv2_raw', fabricate.fabricate_nyuv2_raw),
        ('cityscapes', fabricate.fabricate_cityscapes_frame),
    ],
)
def test_cameras_of_the_release(tmp_path, name, draw):
    size, fx, fy, cx, cy = RELEASED[name]
    K, scale = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), 10 if name == 'cityscapes' else 1
    draw(tmp_path, 1, size, K)
    (sample,) = DATASETS.build(dict(paper_datasets()[name], data_root=str(tmp_path), pipeline=LOAD))
    points = sample['depth'][..., None] / scale * (pixels(size) @ np.linalg.inv(sample['intrinsics']).T)
    seed = seed_of(sample)
    np.testing.assert_allclose((points @ normal(seed)), 1, atol=3e-3 + STEP_M.get(name, 0))
    seen = sample['intrinsics'] @ mark_m(seed)
    np.testing.assert_allclose(seen[:2] / seen[2], mark_px(sample['img']), atol=0.6)

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
FIXED_CAMERA = ('nyuv2', 'nyuv2_raw', 'cityscapes')  # of the release, not of the files
STEP_M = dict(
    cityscapes=1.2e-3, void=2e-3, kitti=2e-3, matterport3d=2e-4, blendedmvs=1e-6, nyuv2_raw=0.03
)  # of 1 mm: half a step


@pytest.fixture(scope='module')
def fifteen(tmp_path_factory):
    """Root of all of them, and their configs."""
    root = tmp_path_factory.mktemp('fifteen')
    fabricate.fabricate_nine(root, 3)
    fabricate.fabricate_kitti_raw(root / 'kitti', 3)
    fabricate.fabricate_sunrgbd(root / 'sunrgbd', 0, 3)
    fabricate.fabricate_void(root / 'void_release', 3)
    fabricate.fabricate_classes(root / 'mvip', 'mvip', 3)
    fabricate.fabricate_nyuv2_raw(root / 'nyuv2_raw', 3)
    for name, split in (('hb', 'test_primesense'), ('lmo', 'test')):
        fabricate.fabricate_bop(root / name / split / '000002', 3, 1.0)
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
        if name not in (*FIXED_CAMERA, 'mvip') and '/image_03/' not in sample['img_path']:
            points = depth[..., None] * (pixels() @ np.linalg.inv(sample['intrinsics']).T)
            np.testing.assert_allclose((points @ normal(seed))[known], 1, atol=3e-3)
            seen = sample['intrinsics'] @ mark_m(seed)
            np.testing.assert_allclose(seen[:2] / seen[2], mark_px(sample['img']), atol=0.6)

"""VOID, KITTI and NYUv2 as completion papers have them: the metres that come out are those that were put in."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmvd.datasets import KITTICompletionDataset, RGBDCompletionDataset, VOIDDataset
from mmvd.datasets.file_checks import check_files
from mmvd.datasets.transforms import SparsePoints
from mmvd.errors import ConfigError, DepthFileError, MissingInputsError, SampleError
from mmvd.registry import DATASETS
from tests.conftest import logged
from tests.datasets.test_index import build
from tests.fabricate import completion_scene, fabricate_kitti_completion, fabricate_kitti_raw, fabricate_void
from tests.planes import camera
from tools.dataset_converters.prepare import prepare

PIPELINE = [dict(type='mmvd.LoadImage'), dict(type='mmvd.LoadDepth'), dict(type='mmvd.LoadDepth', key='gt_depth')]


@pytest.mark.parametrize('above', ['', 'void_release/', '/elsewhere/void_release/'])
def test_void(tmp_path, above):
    fabricate_void(tmp_path, above=above)
    data = VOIDDataset(str(tmp_path), points=1500, pipeline=PIPELINE, test_mode=True)
    assert len(data) == 4 and VOIDDataset.missing(dict(data_root=str(tmp_path))) is None
    for index in range(4):
        sample, (truth, sparse) = data[index], completion_scene(index)
        np.testing.assert_array_equal(sample['gt_depth'], truth)
        np.testing.assert_array_equal(sample['depth'], sparse)
        np.testing.assert_allclose(sample['intrinsics'], camera(), atol=1e-6)
    dense = VOIDDataset(str(tmp_path), dense=True, pipeline=PIPELINE[:2], test_mode=True)[0]
    np.testing.assert_array_equal(dense['depth'], completion_scene(0)[0])
    assert 'gt_depth_path' not in dense
    missing = VOIDDataset.missing(dict(data_root=str(tmp_path), points=150))
    assert 'void_150/test_image.txt (no such file)' in str(missing)
    with pytest.raises(ConfigError, match='points must be'):
        VOIDDataset(str(tmp_path), points=100)


def test_kitti(tmp_path):
    fabricate_kitti_completion(tmp_path)
    data = KITTICompletionDataset(str(tmp_path), pipeline=PIPELINE, test_mode=True)
    for index in range(2):
        sample, (truth, sparse) = data[index], completion_scene(index)
        np.testing.assert_array_equal(sample['gt_depth'], truth)
        np.testing.assert_array_equal(sample['depth'], sparse)
        assert sample['intrinsics'][0, 0] == 60
    unseen = KITTICompletionDataset(str(tmp_path), split='test', pipeline=PIPELINE[:2], test_mode=True)
    assert len(unseen) == 2 and 'gt_depth_path' not in unseen[0]
    np.testing.assert_array_equal(unseen[1]['depth'], completion_scene(1)[1])


@pytest.mark.parametrize('kind, folder', [(VOIDDataset, 'ground_truth'), (KITTICompletionDataset, 'groundtruth_depth')])
def test_truth_that_is_not_there_is_told_before_the_first_sample(tmp_path, kind, folder):
    (fabricate_void if kind is VOIDDataset else fabricate_kitti_completion)(tmp_path)
    data = kind(str(tmp_path), pipeline=PIPELINE)
    check_files(data)
    truth = Path(data.get_data_info(0)['gt_depth_path'])
    cv2.imwrite(str(truth), np.ones((3, 4), np.uint16))
    with pytest.raises(SampleError, match=f'{truth.name}: depth is .3, 4. but'):
        check_files(data)
    truth.unlink()
    with pytest.raises(DepthFileError, match=f'{truth.name}: no such depth file, 1 of'):
        check_files(data)
    for path in list(tmp_path.rglob(f'{folder}/*')):
        path.unlink(missing_ok=True)
    assert folder in str(kind.missing(dict(data_root=str(tmp_path))))


def test_what_is_damaged_is_named(tmp_path):
    fabricate_kitti_completion(tmp_path)
    path = next((tmp_path / 'depth_selection/val_selection_cropped/intrinsics').iterdir())
    path.write_text('60 0 32')
    with pytest.raises(ConfigError, match=f'{path.name}: holds no camera matrix'):
        KITTICompletionDataset(str(tmp_path), pipeline=PIPELINE, test_mode=True)
    path.unlink()
    with pytest.raises(MissingInputsError, match=f'{path.name}: no such file of intrinsics'):
        KITTICompletionDataset(str(tmp_path), pipeline=PIPELINE, test_mode=True)
    settings = dict(decoder='div256', images='**/velodyne_raw/*.png', depth_from=('velodyne_raw', 'image'))
    with pytest.raises(ConfigError, match='its own truth'):
        RGBDCompletionDataset(str(tmp_path), truth_from=('velodyne_raw', 'image'), **settings)


def test_sparse_points_are_the_same_for_everyone():
    depth = completion_scene(0, (60, 80))[0].astype(np.float32)

    def points(index, **settings):
        return SparsePoints(**settings)(dict(depth=depth.copy(), sample_idx=index))

    first = points(3)
    assert (first['depth'] > 0).sum() == 500 and np.array_equal(first['gt_depth'], depth)
    kept = first['depth'] > 0
    assert np.array_equal(first['depth'][kept], depth[kept])
    assert np.array_equal(first['depth'], points(3)['depth'])
    for other in (points(4), points(3, seed=1)):
        assert 0 < ((other['depth'] > 0) & kept).sum() < 200  # about 500 * 500 / 4500 by chance
    assert (points(3, count=9999)['depth'] > 0).sum() == (depth > 0).sum()


def test_the_nyu_protocol_cuts_what_papers_cut(tmp_path):
    from mmengine.config import Config

    from mmvd.registry import DATASETS
    from tests.conftest import ROOT

    config = Config.fromfile(ROOT / 'configs/completion/nyu_500.py').test_dataloader.dataset
    for folder in ('images', 'depth'):
        (tmp_path / 'test' / folder).mkdir(parents=True)
    columns = np.tile(np.arange(640, dtype=np.uint16), (480, 1))
    cv2.imwrite(str(tmp_path / 'test/images/0_rgb.png'), np.zeros((480, 640, 3), np.uint8))
    cv2.imwrite(str(tmp_path / 'test/depth/0_depth.png'), columns + 1000)
    sample = DATASETS.build(dict(config, data_root=str(tmp_path)))[0]
    assert sample['inputs'].shape == (3, 228, 304) and sample['gt_depth'].shape == (1, 228, 304)
    assert (sample['depth'] > 0).sum() == 500
    left, right = (1000 * sample['gt_depth'][0, 0, [0, -1]] - 1000).tolist()
    assert left == pytest.approx(2 * 8, abs=1.1) and right == pytest.approx(2 * 311, abs=1.1)  # of 320 columns, 8 off


def test_transparent_objects_have_their_painted_twins_as_truth(test_data):
    from mmengine.config import Config

    from mmvd.registry import DATASETS
    from tests.conftest import ROOT

    config = Config.fromfile(ROOT / 'configs/completion/cleargrasp.py').test_dataloader.dataset
    data = DATASETS.build(dict(config, data_root=str(test_data / 'cleargrasp/real')))
    assert len(data) == 4
    sample = data[0]
    given, truth = sample['depth'], sample['gt_depth']
    assert given.shape == truth.shape == (1, 720, 1280) and 0.3 < truth[truth > 0].median() < 2
    both = (given > 0) & (truth > 0)
    assert ((given - truth)[both].abs() < 0.02).double().mean() > 0.7  # the scene stays, its glass does not
    assert ((given <= 0) & (truth > 0)).sum() > 10000


def test_kitti_raw(tmp_path):
    fabricate_kitti_raw(tmp_path)
    settings = dict(type='mmvd.KITTIRawDataset', data_root=str(tmp_path))
    kind = DATASETS.get('KITTIRawDataset')
    assert kind.missing(settings) is None and len(build(settings)) == 3
    pair = build(settings, depth='velodyne_raw').get_data_info(0)
    assert pair['gt_depth_path'].endswith(
        'val/2011_09_26_drive_0002_sync/proj_depth/groundtruth/image_02/0000000001.png'
    )
    assert pair['intrinsics'][0, 0] == 60 and build(settings).get_data_info(2)['intrinsics'][0, 0] == 9
    shutil.rmtree(tmp_path / 'val')
    assert 'val/*_sync/proj_depth/groundtruth' in str(kind.missing(settings))


def test_depth_of_kitti_that_comes_later_makes_an_index_stale(tmp_path, monkeypatch):
    root = tmp_path / 'kitti'
    fabricate_kitti_raw(root)
    later = sorted(root.glob('val/*/proj_depth/groundtruth/image_02/*.png'))
    for path in later:  # the folder stays, and no sample names it
        path.rename(tmp_path / path.name)
    settings = dict(type='mmvd.KITTIRawDataset', data_root=str(root))
    prepare(settings)
    told = logged(monkeypatch)
    assert len(build(settings)) == 1 and not any('has changed since' in text for text in told)
    for path in later:
        (tmp_path / path.name).rename(path)
    assert len(build(settings)) == 3 and any('has changed since' in text for text in told)
